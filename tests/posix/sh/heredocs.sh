# Here-documents.
name=world
cat << END
hello $name
$(echo command) \$escaped
END
cat << 'END'
no $name $(here)
END
cat <<- END
	tabs are
		taken away
	END
cat << A; cat << B
first
A
second
B
while read -r x; do echo "[$x]"; done << END
a b
c
END
cat << END | tr a-z A-Z
through a pipe
END
seq 1 3000 > long
cat > big << END
$(cat long)
END
wc -l < big
