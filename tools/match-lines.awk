# awk -f tools/match-lines.awk EXPECTED ACTUAL: whether ACTUAL is what EXPECTED describes. "..." is
# any text within a line, and on a line of its own any number of lines. Blank lines at the end of
# EXPECTED only separate cases.
FILENAME == ARGV[1] { expected[++n_expected] = $0; next }
{ actual[++n_actual] = $0 }

# Whether `line` fits `pattern`: the pieces between dots follow one another in it.
function fits(line, pattern,   piece, n, i, at) {
    n = split(pattern, piece, /\.\.\./)
    if (n < 2)
        return line == pattern
    if (index(line, piece[1]) != 1 && piece[1] != "")
        return 0
    line = substr(line, length(piece[1]) + 1)
    for (i = 2; i < n; i++) {
        at = index(line, piece[i])
        if (piece[i] != "" && !at)
            return 0
        line = substr(line, at + length(piece[i]) + (piece[i] == ""))
    }
    return length(line) >= length(piece[n]) &&
        substr(line, length(line) - length(piece[n]) + 1) == piece[n]
}

function all_fit(e, a) {
    while (e <= n_expected) {
        if (expected[e] == "...") {
            for (; a <= n_actual + 1; a++)
                if (all_fit(e + 1, a))
                    return 1
            return 0
        }
        if (a > n_actual || !fits(actual[a], expected[e]))
            return 0
        e++
        a++
    }
    return a > n_actual
}

END {
    while (n_expected && expected[n_expected] == "")
        n_expected--
    exit !all_fit(1, 1)
}
