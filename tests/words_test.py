#!/usr/bin/env python3
"""What a script can check of the rules for names and texts (.github/CONTRIBUTING.md).

Comments of C++ files: how no sentence begins, and that the files they name exist. All texts: names that were given up.
Ends with the line "N passed, N failed".
"""
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent

# How no sentence of a comment begins: its subject is the thing, not whoever has to do with it.
OPENINGS = ('Who', 'Whoever', 'Whose', 'Whom', 'Of a', 'Of the', 'Where nobody')

# Identifiers that must not come back, as regular expressions of whole words, each with what is said instead.
GONE = {
    'unique_fd': 'Fd',
}

# Files that are named in texts and are no files of ours: of a build, of Node's own source, in a home of apps.
FOREIGN = re.compile(r'^(\.\.?/|build/|generated/|node_modules/|lib/internal/|apps/NAME/)')

CODE = ('.cpp', '.hpp')
NAMED_FILE = re.compile(r'(?<![\w./~*{}$<>-])([\w.-]+(?:/[\w.*-]+)+\.(?:cpp|hpp|py|js|md))(?![\w/*]|\.\w)')
ADDRESS = re.compile(r'\w+://\S+')


def files(*suffixes):
    """The files of the repository with one of these endings; of a plain copy without git, those of its folders."""
    listed = subprocess.run(['git', '-c', f'safe.directory={ROOT}', '-C', ROOT, 'ls-files', '-z', '--cached', '--others',
                             '--exclude-standard'], capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        names = filter(None, listed.stdout.split('\0'))
    else:
        names = (str(p.relative_to(ROOT)) for folder in ('keeper', 'ctl', 'protocol', 'tests', 'scripts')
                 for p in (ROOT / folder).rglob('*'))
    return sorted(p for p in (ROOT / name for name in names) if p.suffix in suffixes and p.is_file())


def comments(text):
    """[(line number, text)] of the comments of a C++ source: lines that follow each other are one text, so that a
    sentence may run over their ends. What stands in a string or a raw string is no comment."""
    pattern = re.compile(r'R"(\w*)\((?:.|\n)*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|//[^\n]*|/\*(?:.|\n)*?\*/')
    found, number, at = [], 1, 0
    for match in pattern.finditer(text):
        if not match[0].startswith(('//', '/*')):
            continue
        number += text.count('\n', at, match.start())
        at = match.start()
        words = re.sub(r'^//[/!]?<? ?|^/\*+|\*+/$', '', match[0])
        line_start = text.rfind('\n', 0, at) + 1
        alone = not text[line_start:at].strip()
        line_comment = match[0].startswith('//')
        if found and alone and line_comment and found[-1][2] and found[-1][1] == number - 1 and words.strip():
            first, _, _, before = found[-1]
            found[-1] = (first, number, True, before + '\n' + words)
        else:
            found.append((number, number, line_comment and bool(words.strip()), words))
    return [(first, words) for first, _, _, words in found]


def bad_openings(text):
    """The sentences of a comment that begin as none may."""
    sentences = re.split(r'(?:(?<=[.:;?!)])|^)\s+|\n\s*[-*|] ', text)
    pattern = re.compile(r'(?:%s)\s' % '|'.join(OPENINGS))
    return [' '.join(one.split())[:60] for one in sentences if pattern.match(one)]


def named_files(text):
    """Paths with a slash that a text names, in the order in which it does."""
    return [name for name in NAMED_FILE.findall(ADDRESS.sub('', text)) if not FOREIGN.match(name) and '*' not in name]


def exists(name, beside):
    """From the root on, beside the file that names it, or in one of the folders that texts leave out."""
    starts = (ROOT, beside, ROOT / 'tests', ROOT / 'keeper', ROOT / 'protocol', ROOT / '.github', ROOT / 'ctl')
    return any((start / name).exists() for start in starts)


def gone(text):
    """[(line number, identifier, what is said instead)] of a text."""
    return [(number, match[0], instead) for pattern, instead in GONE.items()
            for number, line in enumerate(text.splitlines(), 1)
            for match in [re.search(rf'\b(?:{pattern})\b', line)] if match]


class Texts(unittest.TestCase):
    def test_no_sentence_of_a_comment_begins_with_whose_it_is(self):
        wrong = [f'{file.relative_to(ROOT)}:{number}: {sentence}' for file in files(*CODE)
                 for number, words in comments(file.read_text()) for sentence in bad_openings(words)]
        self.assertEqual([], wrong)

    def test_a_file_that_is_named_exists(self):
        texts = [(file, number, words) for file in files(*CODE) for number, words in comments(file.read_text())]
        texts += [(file, number, line) for file in files('.md')
                  for number, line in enumerate(file.read_text().splitlines(), 1)]
        wrong = [f'{file.relative_to(ROOT)}:{number}: {name}' for file, number, words in texts
                 for name in named_files(words) if not exists(name, file.parent)]
        self.assertEqual([], wrong)

    def test_names_that_were_given_up_do_not_come_back(self):
        own = pathlib.Path(__file__).resolve()
        wrong = [f'{file.relative_to(ROOT)}:{number}: {word}: say {instead}'
                 for file in files(*CODE, '.py', '.js', '.md', '.txt') if file != own
                 for number, word, instead in gone(file.read_text())]
        self.assertEqual([], wrong)


class Rules(unittest.TestCase):
    """That they catch what they are there for."""

    def test_comments_are_told_from_strings(self):
        text = 'int a;  // One\n"// no" // Two\n/* Three\n   goes on */\nR"x(// no)x"\n\'"\' // Four\n'
        self.assertEqual(['One', 'Two', 'Three\n   goes on', 'Four'], [words.strip() for _, words in comments(text)])

    def test_lines_of_one_comment_are_one_text(self):
        self.assertEqual([(1, 'One\ntwo'), (4, 'three')], comments('// One\n// two\n\n/// three\n'))

    def test_a_wrong_opening_is_found_at_the_start_and_after_a_sentence(self):
        self.assertEqual(['Who asks.'], bad_openings('Who asks.'))
        self.assertEqual(['Whoever asks is told.'], bad_openings('One sentence. Whoever asks\nis told.'))
        self.assertEqual(['Of the two one stays'], bad_openings('One\nsentence:\nOf the two one stays'))

    def test_a_right_one_is_not(self):
        self.assertEqual([], bad_openings('The user who asks. Off the list: Ofak.\nWhole lines, of the log.'))

    def test_a_file_is_found_by_its_path(self):
        self.assertEqual(['a/b.cpp', 'c/d_test.py'], named_files('See a/b.cpp, and (c/d_test.py).'))
        self.assertEqual([], named_files('b.cpp, build/x/y.cpp, http://a.b/c.js, /usr/lib/x.js, a/*.md, tests/x/<name>.js'))

    def test_a_name_is_found_as_a_whole_word(self):
        self.assertEqual([(2, 'unique_fd', 'Fd')], gone('my_unique_fd2\nx.unique_fd = 1;'))


if __name__ == '__main__':
    result = unittest.main(exit=False, verbosity=1).result
    failed = len({getattr(test, 'test_case', test) for test, _ in result.failures + result.errors})
    print(f'{result.testsRun - failed} passed, {failed} failed')
    sys.exit(0 if result.wasSuccessful() else 1)
