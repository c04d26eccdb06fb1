# Functions, variables, environment, command substitution, arguments.
echo "$#:$1:$2"
f() { local x=inner; echo "$x $1"; return 9; }
x=outer; f arg; echo "$? $x"
export E=exported; sh -c 'echo $E'
V=once sh -c 'echo $V'; echo "[$V]"
r=$(echo "a  b"; echo c); echo "$r"
n=0; while [ $n -lt 5 ]; do n=$((n + 1)); [ $n = 2 ] && continue; [ $n = 4 ] && break; echo $n; done
until [ $n = 0 ]; do n=$((n - 1)); done; echo $n
if [ -d . ] && [ ! -f . ]; then echo directory; elif true; then echo other; fi
eval 'y=evaluated'; echo $y
read -r a b << END
first second third
END
echo "$a|$b"
printf '%05d %x %s\n' 42 255 text
cat > script << 'END'
#!/bin/sh
echo "script $0 $1"
END
chmod +x script; ./script arg
. ./script | cut -d ' ' -f 1
umask 077; touch private; ls -l private | cut -c 1-10
cd /; pwd; cd - > /dev/null
test "$(pwd)" = "$PWD" && echo "pwd agrees"
unset x; echo "${x-unset}"
type cd > /dev/null && echo builtin
command -v sh > /dev/null && echo found
(cd /tmp && pwd); test "$PWD" != /tmp && echo "parent stays"
