#!/usr/bin/env python3
"""Makes headers and reference pages from the contracts in sysroot/abi.

    abi.py calls  CALLS.tbl  OUTDIR     quoin/calls.h quoin/stubs.h quoin/dispatch.h docs/kernel-calls.md
    abi.py proto  NAME.proto OUTDIR     proto/NAME.h docs/proto-NAME.md

The grammar of the two inputs stands at the head of calls.tbl and in docs/interfaces/README.md.
A mistake in an input ends the run with its file, line and reason.
"""

import os
import re
import sys


class InputError(Exception):
    pass


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)


HEADER = "/* Generated from {src} by toolchain/generators/abi.py; do not edit. */\n"

# ---------------------------------------------------------------------------------------------
# Kernel calls

CALL_TYPES = {  # type -> C type
    "handle": "quoin_handle",
    "u32": "uint32_t",
    "flags": "uint32_t",
    "u64": "uint64_t",
    "i64": "int64_t",
    "ptr": "uintptr_t",
}
CALL_LINE = re.compile(r"^(\d+) (\w+)\((.*)\)$")
REGISTERS = ["rdi", "rsi", "rdx", "r10", "r8", "r9"]


class Call:
    def __init__(self, number, name, args, group):
        self.number, self.name, self.args, self.group, self.doc = number, name, args, group, []

    def prototype(self):
        return ", ".join(f"{CALL_TYPES[t]} {n}" for t, n in self.args) or "void"


def read_calls(path):
    calls, group = [], None
    for number, raw in enumerate(open(path, encoding="utf-8"), 1):
        line = raw.rstrip()
        where = f"{path}:{number}"
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            group = line.strip("[]")
        elif line.startswith("    "):
            calls[-1].doc.append(line.strip())
        else:
            match = CALL_LINE.match(line)
            if not match:
                raise InputError(f"{where}: not a call line: {line}")
            args = []
            for arg in filter(None, (a.strip() for a in match[3].split(","))):
                kind, name = arg.split()
                if kind not in CALL_TYPES:
                    raise InputError(f"{where}: unknown type {kind}")
                args.append((kind, name))
            if len(args) > 6:
                raise InputError(f"{where}: more than six arguments")
            if calls and int(match[1]) <= calls[-1].number:
                raise InputError(f"{where}: numbers must rise")
            calls.append(Call(int(match[1]), match[2], args, group))
    return calls


def calls_header(calls, src):
    out = [HEADER.format(src=src), "#ifndef QUOIN_GEN_CALLS_H\n#define QUOIN_GEN_CALLS_H\n\n"]
    out.append("enum quoin_call {\n")
    out += [f"\tQUOIN_CALL_{c.name} = {c.number},\n" for c in calls]
    out.append(f"\tQUOIN_NR_CALLS = {calls[-1].number + 1},\n}};\n\n")
    out.append("enum quoin_arg_kind {\n")
    out += [f"\tQUOIN_ARG_{kind},\n" for kind in CALL_TYPES]
    out.append("};\n\n")
    out.append("/* One call's description; a number that no call has keeps a null name. */\n")
    out.append("struct quoin_call_info {\n\tconst char *name;\n\tunsigned char nr_args;\n"
               f"\tunsigned char args[{len(REGISTERS)}];\n}};\n\n")
    out.append("/* static const struct quoin_call_info info[QUOIN_NR_CALLS] = QUOIN_CALL_INFO; */\n")
    out.append("#define QUOIN_CALL_INFO { \\\n")
    for c in calls:
        kinds = ", ".join(f"QUOIN_ARG_{kind}" for kind, _ in c.args) or "0"
        out.append(f'\t[{c.number}] = {{ "{c.name}", {len(c.args)}, {{ {kinds} }} }}, \\\n')
    out.append("}\n\n#endif\n")
    return "".join(out)


def stub(call):
    registers = REGISTERS[:len(call.args)]
    lines = [f"static inline long quoin_{call.name}({call.prototype()})\n{{\n", "\tlong result;\n"]
    for register, (kind, name) in zip(registers, call.args):
        if register in ("r10", "r8", "r9"):
            lines.append(f'\tregister uint64_t reg_{register} __asm__("{register}") = (uint64_t){name};\n')
    letters = {"rdi": "D", "rsi": "S", "rdx": "d"}
    inputs = [f'"0"((long)QUOIN_CALL_{call.name})']
    for register, (kind, name) in zip(registers, call.args):
        if register in letters:
            inputs.append(f'"{letters[register]}"((uint64_t){name})')
        else:
            inputs.append(f'"r"(reg_{register})')
    lines.append('\t__asm__ volatile("syscall" : "=a"(result) : ' + ", ".join(inputs) +
                 ' : "rcx", "r11", "memory");\n')
    lines.append("\treturn result;\n}\n\n")
    return "".join(lines)


def stubs_header(calls, src):
    body = "".join(stub(c) for c in calls)
    return (HEADER.format(src=src) + "#ifndef QUOIN_GEN_STUBS_H\n#define QUOIN_GEN_STUBS_H\n\n"
            "#include <stdint.h>\n#include <quoin/types.h>\n#include <quoin/calls.h>\n\n" + body + "#endif\n")


def dispatch_header(calls, src):
    out = [HEADER.format(src=src), "#ifndef QUOIN_GEN_DISPATCH_H\n#define QUOIN_GEN_DISPATCH_H\n\n",
           "#include <stdint.h>\n#include <quoin/types.h>\n#include <quoin/calls.h>\n\n"]
    out += [f"long call_{c.name}({c.prototype()});\n" for c in calls]
    out.append("\ntypedef long (*kernel_call_fn)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);\n\n")
    out.append("#ifdef QUOIN_DEFINE_CALL_TABLE\n")
    for c in calls:
        params = ", ".join(f"uint64_t a{i}" if i < len(c.args) else
                           f"__attribute__((unused)) uint64_t a{i}" for i in range(6))
        args = ", ".join(f"({CALL_TYPES[t]})a{i}" for i, (t, _) in enumerate(c.args))
        out.append(f"static long enter_{c.name}({params})\n{{\n\treturn call_{c.name}({args});\n}}\n\n")
    out.append("static const kernel_call_fn kernel_call_table[QUOIN_NR_CALLS] = {\n")
    out += [f"\t[QUOIN_CALL_{c.name}] = enter_{c.name},\n" for c in calls]
    out.append("};\n#endif\n\n#endif\n")
    return "".join(out)


def calls_page(calls):
    out = ["# Kernel calls\n\nGenerated from `sysroot/abi/quoin/calls.tbl`.\n"]
    group = None
    for c in calls:
        if c.group != group:
            group = c.group
            out.append(f"\n## {group}\n")
        args = ", ".join(f"{t} {n}" for t, n in c.args)
        out.append(f"\n**{c.number} `{c.name}({args})`**  \n" + "\n".join(c.doc) + "\n")
    return "".join(out)


# ---------------------------------------------------------------------------------------------
# Protocols

SCALARS = {  # type -> (C type, size)
    "u8": ("uint8_t", 1), "u16": ("uint16_t", 2), "u32": ("uint32_t", 4), "u64": ("uint64_t", 8),
    "i64": ("int64_t", 8), "i32": ("int32_t", 4), "char": ("char", 1),
}
FIELD = re.compile(r"^(?:struct )?(\w+) (\w+)(?:\[(<=)?(\d+)\])?;\s*(?:##\s*(.*))?$")
MESSAGE_BYTES = 3456


class Struct:
    """Fields in order: fixed ones, then at most one of variable length, then handles (not on the wire)."""

    def __init__(self, name):
        self.name, self.fields, self.handles = name, [], []
        self.variable = None  # (name, capacity)
        self.size, self.align, self.pads = 0, 1, 0

    def pad_to(self, align):
        gap = -self.size % align
        if gap:
            self.fields.append(("uint8_t", f"pad{self.pads}", gap, "", self.size))
            self.pads += 1
            self.size += gap

    def add(self, ctype, size, align, name, count, doc):
        self.pad_to(align)
        self.align = max(self.align, align)
        self.fields.append((ctype, name, count, doc, self.size))
        self.size += size * (count or 1)

    def close(self):
        self.pad_to(8)
        self.align = 8


class Proto:
    def __init__(self):
        self.name, self.doc, self.structs, self.calls = None, [], [], []
        self.first = 1  # number of the first call


def read_field(proto, struct, line, where):
    match = FIELD.match(line)
    if not match:
        raise InputError(f"{where}: not a field: {line}")
    kind, name, variable, count, doc = match.groups()
    if struct.variable and kind != "handle":
        raise InputError(f"{where}: a field of variable length must be the last")
    if kind == "handle":
        struct.handles.append((name, doc or ""))
    elif variable:
        capacity = (int(count) + 7) // 8 * 8
        struct.add("uint32_t", 4, 4, f"{name}_len", None, "bytes that follow")
        struct.pad_to(8)
        struct.variable = (name, capacity, int(count), struct.size)
        struct.add("uint8_t", 1, 8, name, capacity, doc or "")
    elif kind in SCALARS:
        ctype, size = SCALARS[kind]
        struct.add(ctype, size, size, name, int(count) if count else None, doc or "")
    else:
        inner = next((s for s in proto.structs if s.name == kind), None)
        if not inner:
            raise InputError(f"{where}: unknown type {kind}")
        struct.add(f"struct {kind}", inner.size, 8, name, int(count) if count else None, doc or "")


def read_proto(path):
    proto, current, call, pending = Proto(), None, None, []
    for number, raw in enumerate(open(path, encoding="utf-8"), 1):
        line, where = raw.strip(), f"{path}:{number}"
        if line.startswith("##"):
            pending.append(line[2:].strip())
        elif line.startswith("protocol "):
            words = line.split()
            proto.name, proto.doc, pending = words[1], pending, []
            if words[2:3] == ["from"]:
                proto.first = int(words[3])
        elif line.startswith("struct ") and line.endswith("{"):
            current = Struct(line.split()[1])
        elif line.startswith("call "):
            call = {"name": line.split()[1], "doc": pending, "number": proto.first + len(proto.calls)}
            pending = []
            current = Struct(f"{proto.name}_{call['name']}_request")
        elif line == "} -> {":
            current.close()
            call["request"] = current
            current = Struct(f"{proto.name}_{call['name']}_reply")
        elif line == "}":
            current.close()
            if call:
                call["reply"] = current
                proto.calls.append(call)
            else:
                proto.structs.append(current)
            for struct in (current,) if not call else (call["request"], call["reply"]):
                if struct.size > MESSAGE_BYTES or len(struct.handles) > 4:
                    raise InputError(f"{where}: {struct.name} is too large for a message")
            call, current = None, None
        elif line and current is not None:
            read_field(proto, current, line, where)
        elif line and not line.startswith("#"):
            raise InputError(f"{where}: not understood: {line}")
    return proto


def struct_text(struct):
    out = [f"struct {struct.name} {{\n"]
    for ctype, name, count, doc, _ in struct.fields:
        dimension = f"[{count}]" if count else ""
        comment = f" /* {doc} */" if doc else ""
        out.append(f"\t{ctype} {name}{dimension};{comment}\n")
    for name, doc in struct.handles:
        comment = f" /* {doc} */" if doc else ""
        out.append(f"\tquoin_handle {name};{comment}\n")
    if not struct.fields and not struct.handles:
        out.append("\tuint8_t empty[0];\n")
    out.append("} __attribute__((aligned(8)));\n")
    for ctype, name, count, doc, offset in struct.fields:
        if name.startswith("pad"):
            continue
        out.append(f"_Static_assert(offsetof(struct {struct.name}, {name}) == {offset}, \"pinned\");\n")
    return "".join(out) + "\n"


def pack_text(struct, indent="\t"):
    """Statements that put *s into message m."""
    lines = []
    if struct.variable:
        name, capacity, limit, offset = struct.variable
        lines.append(f"if (s->{name}_len > {limit})\n\t\treturn -QERR_2BIG;")
        lines.append(f"nr_bytes = {offset} + s->{name}_len;")
    else:
        lines.append(f"nr_bytes = {struct.size};")
    lines.append("if ((const void *)s != m->payload)\n\t\tmemcpy(m->payload, s, nr_bytes);")
    for i, (name, _) in enumerate(struct.handles):
        lines.append(f"m->handles[{i}].handle = s->{name};\n\tm->handles[{i}].rights = QUOIN_RIGHT_ALL;")
    lines.append("m->nr_bytes = (uint16_t)nr_bytes;")
    lines.append(f"m->nr_handles = {len(struct.handles)};")
    return "".join(f"{indent}{line}\n" for line in lines)


def unpack_text(struct, indent="\t"):
    """Statements that check message m and take it to *s; each failure returns -QERR_PROTO."""
    lines = []
    fixed = struct.variable[3] if struct.variable else struct.size
    tests = ([f"m->nr_bytes < {fixed}"] if fixed else []) + \
        ([f"m->nr_handles < {len(struct.handles)}"] if struct.handles else [])
    lines.append(f"if ({' || '.join(tests)})\n\t\treturn -QERR_PROTO;" if tests else "(void)m;")
    if struct.variable:
        name, capacity, limit, offset = struct.variable
        lines.append(f"const struct {struct.name} *w = (const void *)m->payload;")
        lines.append(f"uint32_t len = w->{name}_len;")
        lines.append(f"if (len > {limit} || {offset} + len > m->nr_bytes)\n\t\treturn -QERR_PROTO;")
        lines.append(f"if ((const void *)s != m->payload)\n\t\tmemcpy(s, m->payload, {offset} + len);")
    elif struct.size:
        lines.append(f"if ((const void *)s != m->payload)\n\t\tmemcpy(s, m->payload, {struct.size});")
    else:
        lines.append("(void)s;")
    for i, (name, _) in enumerate(struct.handles):
        lines.append(f"s->{name} = m->handles[{i}].handle;")
    return "".join(f"{indent}{line}\n" for line in lines)


def codec_text(struct):
    name = struct.name
    return (f"static inline long {name}_pack(struct quoin_msg *m, const struct {name} *s)\n{{\n"
            "\tuint32_t nr_bytes;\n\n" + pack_text(struct) + "\treturn 0;\n}\n\n"
            f"static inline long {name}_unpack(const struct quoin_msg *m, struct {name} *s)\n{{\n"
            + unpack_text(struct) + "\treturn 0;\n}\n\n")


def drop_text(proto):
    return (
        "/* A reply's handles that nobody asked for would stay in the table of the caller. */\n"
        f"static inline void {proto.name}_drop_handles(const struct quoin_msg *m, uint32_t nr_kept)\n{{\n"
        "\tfor (uint32_t i = nr_kept; i < m->nr_handles && i < QUOIN_MSG_HANDLES; i++)\n"
        "\t\tif (m->handles[i].handle)\n\t\t\tquoin_handle_close(m->handles[i].handle);\n}\n\n")


def client_text(proto, call):
    p, n = proto.name, call["name"]
    request, reply = call["request"], call["reply"]
    # rq or rp may be the payload of the thread page itself: then nothing is copied
    return (
        f"/* Returns 0 or a negated error; rp (may be NULL) is valid when 0. Blocks. */\n"
        f"static inline long {p}_{n}(quoin_handle endpoint, const struct {request.name} *rq,\n"
        f"\tstruct {reply.name} *rp)\n{{\n"
        "\tstruct quoin_msg *m = &ipc_thread_page()->msg;\n"
        f"\tlong status = {request.name}_pack(m, rq);\n\n"
        "\tif (status < 0)\n\t\treturn status;\n"
        f"\tm->label = {p.upper()}_{n.upper()};\n"
        "\tstatus = quoin_endpoint_call(endpoint);\n"
        f"\tif (status > 0) {{\n\t\t{p}_drop_handles(m, 0);\n\t\treturn -QERR_PROTO;\n\t}}\n"
        "\tif (rp && (status == 0 || m->nr_bytes)) {\n"
        f"\t\tlong bad = {reply.name}_unpack(m, rp);\n"
        "\t\tif (bad < 0 && status == 0)\n\t\t\tstatus = bad;\n\t}\n"
        f"\t{p}_drop_handles(m, rp && status == 0 ? {len(reply.handles)} : 0);\n"
        "\treturn status;\n}\n\n"
        f"/* Answers a request whose handler returned IPC_DEFERRED. */\n"
        f"static inline long {p}_{n}_finish(uint64_t token, long status, const struct {reply.name} *rp)\n{{\n"
        "\tstruct quoin_msg *m = &ipc_thread_page()->msg;\n\n"
        "\tm->nr_bytes = 0;\n\tm->nr_handles = 0;\n"
        f"\tif (rp) {{\n\t\tlong bad = {reply.name}_pack(m, rp);\n"
        "\t\tif (bad < 0)\n\t\t\tstatus = bad;\n\t}\n"
        "\tm->label = (int32_t)status;\n"
        "\treturn quoin_endpoint_reply(token);\n}\n\n")


def server_text(proto):
    p = proto.name
    out = [f"/* What a server implements; a missing operation answers NOSYS.  A handler owns the handles in rq. */\n"
           f"struct {p}_ops {{\n"]
    for call in proto.calls:
        out.append(f"\tlong (*{call['name']})(void *server, struct ipc_request *request,\n"
                   f"\t\tconst struct {call['request'].name} *rq, struct {call['reply'].name} *rp);\n")
    out.append("};\n\n")
    for call in proto.calls:
        request, reply, n = call["request"].name, call["reply"].name, call["name"]
        out.append(
            f"static __attribute__((noinline, unused)) long {p}_{n}_serve(const struct {p}_ops *ops, void *server,\n"
            "\tstruct ipc_request *request, struct quoin_msg *m)\n{\n"
            f"\tstruct {request} rq;\n\tstruct {reply} rp;\n\n"
            f"\tif (!ops->{n})\n\t\treturn -QERR_NOSYS;\n"
            f"\tlong status = {request}_unpack(m, &rq);\n"
            "\tif (status < 0)\n\t\treturn status;\n"
            f"\trequest->nr_taken = {len(call['request'].handles)};\n"
            "\tmemset(&rp, 0, sizeof(rp));\n"
            f"\tstatus = ops->{n}(server, request, &rq, &rp);\n"
            "\tif (status == 0 || request->reply_on_error) {\n"
            f"\t\tlong bad = {reply}_pack(m, &rp);\n"
            "\t\tif (bad < 0)\n\t\t\tstatus = bad;\n\t}\n"
            "\treturn status;\n}\n\n")
    out.append(f"/* The dispatcher for ipc_serve: ops is a struct {p}_ops. */\n"
               f"static inline long {p}_dispatch(const void *ops, void *server, struct ipc_request *request,\n"
               "\tstruct quoin_msg *m)\n{\n\tswitch (m->label) {\n")
    for call in proto.calls:
        out.append(f"\tcase {p.upper()}_{call['name'].upper()}:\n"
                   f"\t\treturn {p}_{call['name']}_serve(ops, server, request, m);\n")
    out.append("\t}\n\treturn -QERR_NOSYS;\n}\n\n")
    return "".join(out)


def proto_header(proto, src):
    guard = f"QUOIN_GEN_PROTO_{proto.name.upper()}_H"
    out = [HEADER.format(src=src), f"#ifndef {guard}\n#define {guard}\n\n",
           "#include <stdint.h>\n#include <stddef.h>\n#include <quoin/errors.h>\n#include <quoin/types.h>\n\n",
           f"enum {proto.name}_operation {{\n"]
    out += [f"\t{proto.name.upper()}_{c['name'].upper()} = {c['number']},\n" for c in proto.calls]
    out.append("};\n\n")
    out += [struct_text(s) for s in proto.structs]
    for call in proto.calls:
        out.append(struct_text(call["request"]) + struct_text(call["reply"]))
    out.append("#ifndef QUOIN_PROTO_TYPES_ONLY\n\n#include <string.h>\n#include <quoin/ipc.h>\n\n")
    for call in proto.calls:
        out.append(codec_text(call["request"]) + codec_text(call["reply"]))
    out.append(drop_text(proto))
    out += [client_text(proto, c) for c in proto.calls]
    out.append(server_text(proto))
    out.append(f"static inline const char *{proto.name}_operation_name(int32_t label)\n{{\n\tswitch (label) {{\n")
    out += [f"\tcase {c['number']}:\n\t\treturn \"{proto.name}.{c['name']}\";\n" for c in proto.calls]
    out.append("\t}\n\treturn \"?\";\n}\n\n#endif\n\n#endif\n")
    return "".join(out)


def struct_page(struct):
    rows = [f"| `{n}` | {t}{f'[{c}]' if c else ''} | {d} |\n" for t, n, c, d, _ in struct.fields
            if not n.startswith("pad")]
    rows += [f"| `{n}` | handle | {d} |\n" for n, d in struct.handles]
    return "| field | type | meaning |\n| --- | --- | --- |\n" + "".join(rows) if rows else "(empty)\n"


def proto_page(proto):
    out = [f"# Protocol `{proto.name}`\n\nGenerated from `sysroot/abi/proto/{proto.name}.proto`.\n\n"]
    out.append("\n".join(proto.doc) + "\n")
    for struct in proto.structs:
        out.append(f"\n## struct {struct.name}\n\n" + struct_page(struct))
    for call in proto.calls:
        out.append(f"\n## {call['number']} {call['name']}\n\n" + "\n".join(call["doc"]) + "\n")
        out.append("\nRequest:\n\n" + struct_page(call["request"]))
        out.append("\nReply:\n\n" + struct_page(call["reply"]))
    return "".join(out)


def main(argv):
    if len(argv) != 4 or argv[1] not in ("calls", "proto"):
        sys.exit(__doc__)
    kind, src, out = argv[1:]
    try:
        if kind == "calls":
            calls = read_calls(src)
            write(f"{out}/quoin/calls.h", calls_header(calls, src))
            write(f"{out}/quoin/stubs.h", stubs_header(calls, src))
            write(f"{out}/quoin/dispatch.h", dispatch_header(calls, src))
            write(f"{out}/docs/kernel-calls.md", calls_page(calls))
        else:
            proto = read_proto(src)
            write(f"{out}/proto/{proto.name}.h", proto_header(proto, src))
            write(f"{out}/docs/proto-{proto.name}.md", proto_page(proto))
    except InputError as error:
        sys.exit(f"abi.py: {error}")


if __name__ == "__main__":
    main(sys.argv)
