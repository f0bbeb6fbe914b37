#!/usr/bin/env python3
"""Writes keeper/hot.ld: which functions a keeper uses while it works, for the linker to put side by side.

usage: tests/bench/hot_functions.py [BUILD]     (a release build; build/release)

A keeper sleeps most of its life, and what it wakes up for is short: a status, a line of output, a restart. Most of that
time goes into fetching what hundreds of other processes have pushed out of the caches: its page table's entries for
each page of code that it touches, before the code itself. Functions that are used together on few pages next to each
other are a tenth of a request. The list is found by doing these things with a keeper that runs instruction by
instruction. A function that is renamed or new simply is not in it, so this is run again from time to time; it never
has to be.
"""
import bisect
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / 'build' / 'release').resolve()
PATIENT = ('--timeout', '300s')  # instruction by instruction a restart takes seconds
HEAD = '''/* Functions that a keeper uses while it works, side by side. Made by tests/bench/hot_functions.py, which says why. */
SECTIONS
{
  .hot : ALIGN(4096)
  {
'''
# 16 KiB of which nothing is used would lie between what is.
TAIL = '''  }
}
INSERT BEFORE .text;
SECTIONS
{
  .unused (NOLOAD) : { *libc.a:pthread_keys.o(.bss) }
}
INSERT AFTER .bss;
'''


def link_with_map(into):
    """The keeper of that build once more, with a map of where everything is. Gives its path and that of the map."""
    command = subprocess.check_output(['ninja', '-C', BUILD, '-t', 'commands', 'keeper'], text=True).splitlines()[-1]
    program, where = into / 'keeper', into / 'map'
    command = command.removeprefix(': && ').removesuffix(' && :')
    command = re.sub(r' -o bin/keeper ', f' -o {program} -Wl,-Map,{where} ', command)
    command = re.sub(r' -Wl,-T,\S+', '', command)
    subprocess.run(command, shell=True, cwd=BUILD, check=True)
    return program, where


def sections_of(link_map):
    """(address, size, section, object) of every piece of code, by address."""
    found, waiting = [], None
    for line in link_map.read_text().splitlines():
        match = re.match(r' (\.text\S*)(?:\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+(\S.*))?$', line)
        if match and match[2] is None:
            waiting = match[1]
            continue
        rest = re.match(r'\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+(\S.*)$', line) if waiting else None
        if match:
            found.append((int(match[2], 16), int(match[3], 16), match[1], match[4]))
        elif rest:
            found.append((int(rest[1], 16), int(rest[2], 16), waiting, rest[3]))
        waiting = None
    return sorted(one for one in found if one[0] and one[1])


def addresses_used(program, work):
    """Every address at which a keeper was while its program wrote, crashed and was asked about."""
    steps = work / 'steps'
    subprocess.run(['cc', '-O2', '-o', steps, ROOT / 'tests/bench/steps.c'], check=True)
    shutil.copy(BUILD / 'bin' / 'ctl', work)
    env = dict(os.environ, KEEPER_HOME=str(work / 'home'))

    def ctl(*words):
        return subprocess.run([work / 'ctl', *words], env=env, check=True, stdout=subprocess.PIPE, text=True).stdout

    script = work / 'writes.sh'
    script.write_text('#!/bin/sh\ntrap "echo a line" USR1\nwhile :; do sleep 60 & wait $!; done\n')
    script.chmod(0o755)
    subprocess.run([program, '-d', '-n', 'hot', '--start-secs', '0.1', script], env=env, check=True)
    time.sleep(2)  # it is confirmed, and what it started with is over

    def known(key):
        return int(re.search(rf'"{key}":(\d+)', ctl('list', '--json', *PATIENT))[1])

    # A step is two switches between the two: on one processor they are short.
    keeper = known('keeper_pid')
    os.sched_setaffinity(keeper, {0})
    tracer = subprocess.Popen([steps, str(keeper)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, preexec_fn=lambda: os.sched_setaffinity(0, {0}))
    tracer.stderr.readline()
    for _ in range(3):
        ctl('list', '--json', *PATIENT)
    for _ in range(3):
        os.kill(known('pid'), 10)  # SIGUSR1
        time.sleep(1.2)
    for _ in range(2):
        before = known('pid')
        os.kill(before, 9)
        while known('pid') == before:
            time.sleep(0.1)
        time.sleep(1.5)
    for half in (known('guard_pid'), keeper):
        os.kill(half, 9)
    used = [int(line, 16) for line in tracer.communicate()[0].split()]
    ctl('stop', 'hot')
    return used


def patterns(sections, addresses):
    """One line for the linker for each section in use, in the order of first use. A template's instance may come from
    any object, and has a name that no other has; the C library's pieces all have the same name, but an object each."""
    starts = [one[0] for one in sections]
    lines = {}
    for address in addresses:
        at = bisect.bisect_right(starts, address) - 1
        if at < 0 or address >= sections[at][0] + sections[at][1]:
            continue
        _, size, section, where = sections[at]
        inside = re.search(r'([^/]+\.a)\(([^)]+)\)$', where)
        pattern = f'*({section})' if section.startswith('.text._Z') or not inside else \
            f'*{inside[1]}:{inside[2]}({section})'
        lines.setdefault(pattern, size)
    return lines


def main():
    with tempfile.TemporaryDirectory(prefix='hot.') as name:
        work = pathlib.Path(name)
        program, link_map = link_with_map(work)
        lines = patterns(sections_of(link_map), addresses_used(program, work))
    (ROOT / 'keeper' / 'hot.ld').write_text(HEAD + ''.join(f'    {line}\n' for line in lines) + TAIL)
    print(f'keeper/hot.ld: {len(lines)} functions, {sum(lines.values()) >> 10} KiB')


main()
