# The usual tools on files, directories and links.
mkdir -p tree/a/b; echo 1 > tree/one; echo 2 > tree/a/two; ln -s one tree/link; ln tree/one tree/hard
find tree -type f | sort
find tree -name 'l*' -exec ls {} \;
cp -a tree copy; diff -r tree copy && echo copied
readlink copy/link
tar cf tree.tar tree; rm -rf tree; tar xf tree.tar; cat tree/link tree/a/two
tar czf tree.tgz tree; tar tzf tree.tgz | wc -l
mv tree/a tree/z; ls tree
chmod 640 tree/one; ls -l tree/one | cut -c 1-10
echo 'the quick brown fox' | awk '{ print $3, NF }'
printf '3 c\n1 a\n2 b\n' | sort -n | sed -n '2s/b/B/p'
printf 'a\nb\na\n' | sort | uniq -c | awk '{ print $1 $2 }'
echo abc | sha256sum | cut -c 1-16
dd if=/dev/zero of=zeros bs=1k count=64 2> /dev/null; wc -c < zeros
dd if=zeros bs=1k count=1 skip=63 2> /dev/null | wc -c
echo hello | od -c | head -n 1 | tr -s ' '
seq 10 | xargs echo | cut -d ' ' -f 2-4
expr 6 \* 7
basename /a/b.c .c; dirname /a/b.c
touch -d '2001-02-03 04:05:06' old; test old -ot tree/one && echo older
rm -r tree copy; ls -d tree copy 2> /dev/null | wc -l
df . > /dev/null && echo df
du -s . > /dev/null && echo du
ps > /dev/null && echo ps
id -u > /dev/null && echo id
cmp -s zeros tree.tar || echo differ
tr -d '\0' < zeros | wc -c
echo "$(date +%Y)" | grep -c '^20'
