#!/bin/sh
# The checkers are checked: each must pass on a sound copy and notice a fault that is planted in it.
#
#     tests/checks_test.sh SOURCE
set -eu
source=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

# $1: what is planted; $2: "notice" or "accept"; then the command.
expect()
{
    what=$1 verdict=$2
    shift 2
    if "$@" > "$work/output" 2>&1; then found=accept; else found=notice; fi
    if [ $found = "$verdict" ]; then
        echo "  ok $what"
        passed=$((passed + 1))
    else
        echo "FAIL $what: expected to $verdict"
        sed 's/^/    /' "$work/output"
        failed=$((failed + 1))
    fi
}

fresh()
{
    rm -rf "$work/copy"
    mkdir "$work/copy"
    (cd "$source" && tar cf - --exclude=venv include src tests/cli tests/meson.build tools bench \
        docs Makefile meson.build meson_options.txt .ci) | tar xf - -C "$work/copy"
    cd "$work/copy"
}

fresh
expect "includes: the tree" accept tools/check-includes
expect "headers: the tree" accept tools/check-headers
expect "style: the tree" accept tools/check-style
echo '#include "compile/plan.h"' >> src/base/text.c
expect "includes: base includes compile" notice tools/check-includes
fresh
mkdir src/attic
echo '#include "base/base.h"' > src/attic/a.c
expect "includes: a room that is not in the table" notice tools/check-includes
fresh
echo '#include "cairn/train.h"' >> include/cairn/loss.h
expect "includes: a header of a lower room includes an upper one" notice tools/check-includes
fresh
sed -i '/include <stdint.h>/d' include/cairn/base.h
expect "headers: one that does not stand alone" notice tools/check-headers
fresh
printf '%0101d\n' 0 >> src/base/text.c
expect "style: 101 columns" notice tools/check-style
fresh
printf '/* a */ \n' >> src/base/text.c
expect "style: a blank at the end" notice tools/check-style
fresh
printf '/* a */' >> src/base/text.c
expect "style: no newline at the end" notice tools/check-style

cat > "$work/case.txt" << 'END'
==== a case
echo one; echo two and three; exit 3
----
one
two ... three
exit 3
END
expect "command lines: a sound case" accept tools/run-cli-tests /bin/true "$work/case.txt"
sed 's/^one$/ones/' "$work/case.txt" > "$work/other.txt"
expect "command lines: another line" notice tools/run-cli-tests /bin/true "$work/other.txt"
sed '/^two/d' "$work/case.txt" > "$work/other.txt"
expect "command lines: a line too many" notice tools/run-cli-tests /bin/true "$work/other.txt"
sed 's/^exit 3$/exit 2/' "$work/case.txt" > "$work/other.txt"
expect "command lines: another status" notice tools/run-cli-tests /bin/true "$work/other.txt"
sed 's/ three$/ thre/' "$work/case.txt" > "$work/other.txt"
expect "command lines: text that ends too soon" notice tools/run-cli-tests /bin/true \
    "$work/other.txt"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
