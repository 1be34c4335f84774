#!/usr/bin/env bash
# The house keeps its arrows: every floor of host/ includes only floors below it, host/ sees no Lua,
# and only bindings/ does. And the names of test cases are such that ctest finds them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

floors=(base process stream http store pg job cli) # from the ground up
failed=0
complain() {
  echo "$*"
  failed=1
}

for ((i = 0; i < ${#floors[@]}; i++)); do
  [[ -d host/${floors[i]} ]] || continue
  for ((above = i + 1; above < ${#floors[@]}; above++)); do
    if grep -rn "#include \"host/${floors[above]}/" "host/${floors[i]}"; then
      complain "host/${floors[i]} includes host/${floors[above]}, which is above it"
    fi
  done
done

# main.cpp is the composition root: it may name the engine, whose header names no Lua.
if grep -rn '#include "bindings/' host --include='*.[ch]pp' --exclude=main.cpp; then
  complain 'host includes bindings'
fi
if grep -rnE '#include *[<"](lua|lauxlib|lualib|luajit)' host bindings/engine.hpp bindings/assets.hpp; then
  complain 'a Lua header where none may be'
fi
if grep -rnE '\bcatch *\( *\.\.\. *\)' bindings; then
  complain 'catch (...) in bindings swallows errors of Lua'
fi

# CMake carries the names of Catch2's cases in lists: such a name would match no case.
if grep -rnE "TEST_CASE\(\"[^\"]*[;\\\\]" tests --include='*.cpp'; then
  complain 'a name of a test case that ctest cannot run'
fi

# A secret is masked for the rest of its process, and builds with sanitizers run all cases in one:
# a common word would be masked in other tests' messages.
if grep -rnE "(Secret|register_secret)\\(\"[a-z]{4,8}\"\\)" tests --include='*.cpp'; then
  complain 'a secret in a test that is a common word'
fi
exit "$failed"
