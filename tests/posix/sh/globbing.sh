# Patterns and expansions.
touch a.c b.c c.h .hidden 'with space.c' 'x[1]'
mkdir -p d/e; touch d/one.c d/e/two.c
echo *.c
echo ?.?
echo [ab].*
echo [!ab].[ch]
echo */*.c */*/*.c
echo .h*
echo nothing*.zzz
for f in *.c; do echo "<$f>"; done
case abc.tar.gz in *.zip) echo zip;; *.tar.*) echo tar;; esac
v=path/to/file.tar.gz
echo ${v##*/} ${v%/*} ${v%%.*} ${v#*/}
echo ${none:-default} ${v:+set} ${#v}
set -- x 'y z' w; echo $# "$2" "$*"
for a in "$@"; do echo "($a)"; done
IFS=:; set -- a:b:c; unset IFS; echo $#
p=a:b:c; IFS=:; for w in $p; do echo $w; done; unset IFS
echo $((2 + 3 * 4)) $((1 << 10)) $((7 % 4))
rm -f 'x[1]'; ls x* 2> /dev/null || echo gone
echo ~root | grep -c /
