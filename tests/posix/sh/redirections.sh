# Redirections of every kind.
echo one > f; echo two >> f; cat < f
cat < f > g; cmp f g && echo same
ls nothing 2> err; test -s err && echo "stderr went to a file"
{ echo out; echo err >&2; } > both 2>&1; sort both
{ echo out; echo err >&2; } 2>&1 > /dev/null
exec 3> three; echo via three >&3; exec 3>&-; cat three
exec 4< f; read -r a <&4; read -r b <&4; exec 4<&-; echo "$a-$b"
echo x 5>&1 >&5 5>&-
echo keep > kept; (set -C; echo no > kept) 2> /dev/null || echo "noclobber"; cat kept
: > empty; test -e empty && ! test -s empty && echo empty
echo inout > rw; exec 6<> rw; read -r line <&6; echo "$line"; echo more >&6; exec 6>&-; cat rw
while read -r line; do echo "line $line"; done < f
for i in 1 2 3; do echo $i; done > loop; cat loop | tr '\n' ' '; echo
cat nothing 2> /dev/null || echo "failed $?"
