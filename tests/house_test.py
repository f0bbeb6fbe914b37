#!/usr/bin/env python3
"""Who may include whom. The arrows of the house run one way, and a wrong #include is how one gets turned round.

    protocol/base <- protocol/json <- protocol/wire <- protocol/store <- protocol/logs <- protocol/client <- ctl
    ctl/output, ctl/ops <- ctl/cli; ctl/ops <- ctl/logs <- ctl/doctor; ctl/commands sees all of them
    protocol/wire <- keeper/core, with those files of protocol/base that do not ask the system; keeper's edges know neither the core nor each other; keeper/app sees all of them, keeper/cli keeper/app too

Every folder's own files are looked at: as each header lies in a folder with its own rule, what is included by what is
included needs no following. Ends with the line "N passed, N failed".
"""
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
ASIO = re.compile(r'asio(\.hpp|/)')
# What would let the core ask the world: a clock, a process, a file, a terminal.
SYSTEM = re.compile(r'sys/|(unistd|fcntl|signal|poll|time|spawn|pthread)\.h$|'
                    r'(csignal|ctime|filesystem|iostream|fstream|thread|mutex|random)$')
# Each of these brings locales, and with them static memory into every kept program's keeper.
HEAVY = re.compile(r'(iostream|fstream|sstream|iomanip|regex|locale)$')


def source_files(folder, deep=True):
    pattern = '**/*' if deep else '*'
    return sorted(p for p in (ROOT / folder).glob(pattern) if p.suffix in ('.hpp', '.cpp', '.h', '.c'))


def includes(text):
    """The (is_ours, path) of every include in a source text; ours are the quoted ones, from the root on."""
    return [(quote == '"', path) for quote, path in INCLUDE.findall(text)]


def only(*folders):
    """A rule: of our own files, those of these folders and no other."""
    return lambda ours, path: ours and not path.startswith(folders)


def never(*folders):
    """A rule: none of our own files of these folders."""
    return lambda ours, path: ours and path.startswith(folders)


def no_system(pattern):
    return lambda ours, path: bool(pattern.match(path))


def edge(folder):
    """A rule for keeper/FOLDER: of keeper's files its own ones only, and nothing of ctl."""
    def breaks(ours, path):
        return ours and path.startswith(('keeper/', 'ctl/')) and not path.startswith(f'keeper/{folder}/')
    return breaks


def broken(text, rules):
    """The includes of a source text that break one of the rules."""
    return [path for ours, path in includes(text) if any(rule(ours, path) for rule in rules)]


def edges():
    return sorted(p.name for p in (ROOT / 'keeper').iterdir() if p.is_dir() and p.name not in ('app', 'cli', 'core'))


def system_bases():
    """The headers of protocol/base that ask the system, by themselves or by another one. Numbers of signals are none."""
    files = {}
    for file in source_files('protocol/base'):
        header = str(file.relative_to(ROOT).with_suffix('.hpp'))
        files.setdefault(header, []).extend(path for _, path in includes(file.read_text()))
    system = {header for header, paths in files.items() if any(SYSTEM.match(path) and path != 'csignal' for path in paths)}
    while True:
        more = {header for header, paths in files.items() if system & set(paths)} - system
        if not more:
            return system
        system |= more


SYSTEM_BASES = system_bases()
CORE = (only('keeper/core/', 'protocol/wire/', 'protocol/base/'), lambda ours, path: ours and path in SYSTEM_BASES,
        no_system(ASIO), no_system(SYSTEM))


# What each room of ctl may include besides itself and protocol/.
CTL_ROOMS = {
    'output': (),
    'ops': (),
    'logs': ('ops',),
    'doctor': ('ops', 'logs'),
    'cli': ('ops', 'output'),
    'commands': ('cli', 'ops', 'logs', 'doctor', 'output'),
}


class Arrows(unittest.TestCase):
    def assert_kept(self, folder, *rules, deep=True):
        files = source_files(folder, deep)
        self.assertTrue(files, f'{folder} has no sources: this test looks in the wrong place')
        wrong = [f'{file.relative_to(ROOT)} includes {path}'
                 for file in files for path in broken(file.read_text(), rules)]
        self.assertEqual([], wrong)

    def test_a_room_of_the_protocol_knows_the_rooms_below_it(self):
        below = ()
        for room in ('base', 'json', 'wire', 'store', 'logs', 'client'):
            below += (f'protocol/{room}/',)
            with self.subTest(room=room):
                self.assert_kept(f'protocol/{room}', only(*below))

    def test_messages_know_neither_asio_nor_the_system(self):
        for room in ('json', 'wire'):
            self.assert_kept(f'protocol/{room}', no_system(ASIO), lambda ours, path: ours and path in SYSTEM_BASES)

    def test_the_core_knows_wire_and_neither_asio_nor_the_system(self):
        self.assert_kept('keeper/core', *CORE)

    def test_an_edge_knows_neither_the_core_nor_another_edge(self):
        self.assertTrue(edges(), 'keeper has no edges: this test looks in the wrong place')
        for folder in edges():
            with self.subTest(edge=folder):
                self.assert_kept(f'keeper/{folder}', edge(folder))

    def test_the_composition_does_not_know_the_command_line(self):
        self.assert_kept('keeper/app', never('keeper/cli/'))

    def test_keeper_does_not_know_ctl(self):
        self.assert_kept('keeper', never('ctl/'))

    def test_ctl_does_not_know_keeper(self):
        self.assert_kept('ctl', never('keeper/'))

    def test_a_room_of_ctl_knows_the_rooms_below_it(self):
        for room, known in CTL_ROOMS.items():
            with self.subTest(room=room):
                self.assert_kept(f'ctl/{room}', only('protocol/', f'ctl/{room}/', *(f'ctl/{one}/' for one in known)))

    def test_every_room_of_ctl_has_its_arrows(self):
        self.assertEqual(sorted(CTL_ROOMS), sorted({p.parent.name for p in (ROOT / 'ctl').glob('*/*.cpp')}))

    def test_our_own_files_are_included_from_the_root(self):
        for folder in ('protocol', 'keeper', 'ctl'):
            self.assert_kept(folder, lambda ours, path: ours and not (ROOT / path).is_file())

    def test_no_program_carries_streams_regexes_or_locales(self):
        for folder in ('protocol', 'keeper', 'ctl'):
            self.assert_kept(folder, no_system(HEAVY))


class Rules(unittest.TestCase):
    """That the rules catch what they are there for."""

    def test_a_core_that_asks_the_system_is_caught(self):
        for header in ('<asio.hpp>', '<asio/io_context.hpp>', '"asio.hpp"', '<sys/wait.h>', '<unistd.h>', '<fcntl.h>',
                       '<signal.h>', '<csignal>', '<ctime>', '<filesystem>', '<iostream>', '"keeper/log/sink.hpp"',
                       '"protocol/store/home.hpp"', '"keeper/app/keeper.hpp"'):
            self.assertTrue(broken(f'#pragma once\n #  include {header}\n', CORE), header)

    def test_a_core_that_keeps_to_itself_is_not(self):
        text = '#include <chrono>\n#include "keeper/core/event.hpp"\n#include "protocol/wire/spec.hpp"\n'
        self.assertEqual([], broken(text, CORE))

    def test_an_edge_may_have_itself_the_protocol_and_asio(self):
        text = '#include <asio.hpp>\n#include "keeper/log/a.hpp"\n#include "protocol/client/b.hpp"\n'
        self.assertEqual([], broken(text, [edge('log')]))

    def test_an_edge_that_looks_elsewhere_is_caught(self):
        for path in ('keeper/core/event.hpp', 'keeper/child/process.hpp', 'keeper/app/keeper.hpp', 'ctl/output/table.hpp',
                     'keeper/logs/x.hpp'):
            self.assertEqual([path], broken(f'#include "{path}"\n', [edge('log')]), path)

    def test_what_is_commented_out_or_merely_named_is_no_include(self):
        self.assertEqual([], includes('// #include <asio.hpp>\nauto s = "#include <asio.hpp>";\n'))


if __name__ == '__main__':
    result = unittest.main(exit=False, verbosity=1).result
    failed = len({getattr(test, 'test_case', test) for test, _ in result.failures + result.errors})
    print(f'{result.testsRun - failed} passed, {failed} failed')
    sys.exit(0 if result.wasSuccessful() else 1)
