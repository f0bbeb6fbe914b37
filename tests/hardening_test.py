#!/usr/bin/env python3
"""hardening_test.py BUILD_DIR READELF NM: that a release is built as CMakeLists.txt says, by looking at what came out.

The programs: segments, and what is read-only after the start. Our libraries, of which the programs are made: stack
protector and checked calls of the C library, which can no longer be told from the library's own in a static program.
"""
import pathlib
import platform
import re
import subprocess
import sys
import unittest

BUILD, READELF, NM = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
PROGRAMS = [BUILD / 'bin' / name for name in ('keeper', 'ctl')]
LIBRARIES = sorted(BUILD.glob('lib*.a'))


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def segments(program):
    """{type: [flags, ...]} of the program headers."""
    found = {}
    for line in output(READELF, '-lW', program).splitlines():
        match = re.match(r'\s+([A-Z_]+)\s+0x\w+ 0x\w+ 0x\w+ 0x\w+ 0x\w+ ([RWE ]{3})', line)
        if match:
            found.setdefault(match[1], []).append(match[2].replace(' ', ''))
    return found


class Programs(unittest.TestCase):
    def each(self):
        for program in PROGRAMS:
            with self.subTest(program=program.name):
                yield program

    def test_are_loaded_where_they_were_linked(self):
        for program in self.each():
            self.assertIn('EXEC (', output(READELF, '-hW', program))

    def test_have_no_memory_that_is_written_and_executed(self):
        for program in self.each():
            flags = segments(program)
            self.assertEqual(['RW'], flags['GNU_STACK'])
            self.assertFalse([f for f in flags['LOAD'] if 'W' in f and 'E' in f])

    def test_make_what_is_written_at_the_start_only_read_only(self):
        for program in self.each():
            self.assertEqual(['R'], segments(program)['GNU_RELRO'])
            # A static one has bound all its symbols; another one has to do so at its start.
            dynamic = output(READELF, '-dW', program)
            self.assertTrue('no dynamic section' in dynamic or 'NOW' in dynamic, dynamic)


class Guard(unittest.TestCase):
    """It runs before the C library has started, and so must not need it: no allocation, no errno, no memcpy."""

    def test_needs_nothing_but_the_kernel(self):
        objects = [path for path in BUILD.rglob('guard.cpp.o') if 'survive' in str(path)]
        self.assertEqual(1, len(objects))
        wanted = {line.split()[-1] for line in output(NM, '-u', objects[0]).splitlines() if line.strip()}
        self.assertLessEqual(wanted, {'_start'})

    @unittest.skipUnless(platform.machine() == 'x86_64', 'elsewhere it starts in main')
    def test_is_entered_before_the_library(self):
        header = output(READELF, '-hW', PROGRAMS[0])
        entry = re.search(r'Entry point address:\s+(0x\w+)', header)[1]
        listing = subprocess.run(['objdump', '-d', f'--start-address={entry}', f'--stop-address={int(entry, 16) + 32}',
                                  PROGRAMS[0]], check=True, capture_output=True, text=True).stdout
        self.assertIn('%rsp,%rdi', listing)  # keeper_start, not _start


class HotFunctions(unittest.TestCase):
    @unittest.skipUnless(platform.machine() == 'x86_64', 'the list is of that machine')
    def test_stand_side_by_side(self):
        section = re.search(r'\s\.hot\s+PROGBITS\s+\w+\s+\w+\s+(\w+)', output(READELF, '-SW', PROGRAMS[0]))
        self.assertIsNotNone(section)
        # Functions that were renamed fall out of the list: tests/bench/hot_functions.py makes it anew.
        self.assertGreater(int(section[1], 16), 250 << 10)


class Libraries(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.wanted = {library.stem: output(NM, '-u', library) for library in LIBRARIES}

    def test_are_there(self):
        self.assertIn('libapp', self.wanted)
        self.assertIn('libbase', self.wanted)

    def test_check_their_stack(self):
        for name, symbols in self.wanted.items():
            with self.subTest(library=name):
                self.assertIn('__stack_chk_fail', symbols)

    def test_call_the_checked_functions_of_the_c_library(self):
        for name in ('libapp', 'libbase'):
            with self.subTest(library=name):
                self.assertRegex(self.wanted[name], r'__(v?s?n?f?printf|read|pread64|memcpy)_chk')

    @unittest.skipUnless(platform.machine() == 'x86_64', 'the flag is of x86')
    def test_mark_where_an_indirect_jump_may_land(self):
        for library in LIBRARIES:
            with self.subTest(library=library.stem):
                notes = output(READELF, '-nW', library)
                self.assertEqual(notes.count('File: '), notes.count('IBT, SHSTK'))


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
