#!/usr/bin/env python3
"""Draws terminal output as SVG: tmux capture-pane -e -p -t NAME | docs/pictures/render.py > x.svg"""
import html
import re
import sys

COLOURS = {30: '#5c6370', 31: '#e06c75', 32: '#98c379', 33: '#e5c07b', 34: '#61afef', 35: '#c678dd',
           36: '#56b6c2', 37: '#dcdfe4', 90: '#7f848e'}
CELL, LINE, FONT, MARGIN = 8.43, 19, 14, 16


def spans(line):
    """Yields (text, style) for the runs of a line between its SGR sequences."""
    colour, bold = None, False
    for part in re.split(r'(\x1b\[[0-9;]*m)', line):
        if not part.startswith('\x1b'):
            if part:
                style = f' fill="{colour}"' if colour else ''
                yield part, style + (' font-weight="bold"' if bold else '')
            continue
        for code in [int(c or 0) for c in part[2:-1].split(';')]:
            if code == 0:
                colour, bold = None, False
            elif code in (1, 22):
                bold = code == 1
            else:
                colour = COLOURS.get(code, None if code == 39 else colour)


def plain(line):
    return re.sub(r'\x1b\[[0-9;]*m', '', line)


lines = [re.sub(r'\x1b\([AB]|[\x0e\x0f]', '', l) for l in sys.stdin.read().rstrip().split('\n')]
width = 2 * MARGIN + CELL * max(len(plain(l).rstrip()) for l in lines)
height = 2 * MARGIN + LINE * len(lines)
print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" '
      f'width="{width:.0f}" height="{height}" font-size="{FONT}" fill="#dcdfe4" '
      f'font-family="ui-monospace, DejaVu Sans Mono, Menlo, Consolas, monospace">')
print('<rect width="100%" height="100%" rx="8" fill="#1e2127"/>')
for row, line in enumerate(lines):
    y, column = MARGIN + LINE * row + FONT, 0
    for text, style in spans(line):
        if text.strip():
            # The width is given, so that every font keeps the columns.
            lead = len(text) - len(text.lstrip())
            shown = text.strip()
            print(f'<text x="{MARGIN + CELL * (column + lead):.1f}" y="{y}"{style} xml:space="preserve" '
                  f'textLength="{CELL * len(shown):.1f}">{html.escape(shown)}</text>')
        column += len(text)
print('</svg>')
