#!/usr/bin/env bash
# The pages of the documentation hold together: every relative link leads to a file that is there, and
# to a heading that the file has; docs/errors.md says the exit codes that the program really gives.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

failures=0
complain() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}

# The anchors of a page, as GitHub makes them of its headings.
anchors() {
  grep -E '^#+ ' "$1" | sed -E 's/^#+ //' | tr '[:upper:]' '[:lower:]' |
    sed -E 's/[^a-z0-9 _-]//g; s/ /-/g'
}

links=0
for page in README.md docs/*.md; do
  while IFS= read -r link; do
    links=$((links + 1))
    file=${link%%#*}
    if [[ -n $file ]]; then file=$(dirname "$page")/$file; else file=$page; fi
    if [[ ! -e $file ]]; then
      complain "$page: '$link' leads nowhere"
    elif [[ $link == *'#'* ]] && ! anchors "$file" | grep -qxF -e "${link#*#}"; then
      complain "$page: '$link' names no heading"
    fi
  done < <(grep -oE '\]\([^) ]+\)' "$page" | sed -E 's/^\]\(//; s/\)$//' | grep -Ev '^[a-z]+:' || true)
done
((links >= 30)) || complain "only $links links were found: the search is broken"

# Help is shown as it is.
help=$("${PGBAK:?must be the path of the pgbak binary}" backup --help)
[[ $(<docs/backup.md) == *"$help"* ]] || complain 'docs/backup.md: its help is another'

# A script that fails with a kind exits as the page says.
rows=0
script=$(mktemp /tmp/pgbak-docs.XXXXXX)
trap 'rm -f "$script"' EXIT
while read -r code kind; do
  rows=$((rows + 1))
  echo "require('pgbak').fail('$kind', 'on purpose')" >"$script"
  status=0
  "$PGBAK" run "$script" 2>/dev/null || status=$?
  [[ $status == "$code" ]] || complain "docs/errors.md: $kind exits with $status, not $code"
done < <(sed -nE 's/^\| ([0-9]+) \| \x60([a-z_]+)\x60 \|.*/\1 \2/p' docs/errors.md)
((rows == 12)) || complain "docs/errors.md: $rows kinds with a fixed exit code instead of 12"

((failures == 0))
