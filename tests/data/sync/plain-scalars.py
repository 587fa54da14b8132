"""Writes plain-scalars.json: plain scalars, each with what PyYAML's safe loader and json.dumps make of it.

null stands for a scalar that one of the two refuses. Timestamps are left out: json.dumps refuses them, and the server
reads them as text. Needs PyYAML 6.
"""

import json
import yaml

SCALARS = """
y Y n N yes Yes YES yEs no No NO nO true True TRUE tRUE false False FALSE on On ON off Off OFF oFF t f
null Null NULL nULL ~ nil none
0 1 -1 +1 00 07 08 09 0777 -0777 +0777 0o17 0O17 0_7 1_000 1__0 _1 1_ 0x1F 0X1F -0xff 0xfg 0b101 0b2 -0b11 0B1
12:30:00 1:30 -1:30 1:60 1:5 01:30 190:20:30 12:30 1:2:3:4 0:30 10:99
1.0 1. .5 -.5 +.5 -1.5 +1.5 1e3 1E3 1e+3 1.0e3 1.0e+3 1.5E-2 .5e+1 .5e1 1_0.5 1._5 1.0.0 1.2.3.4 10.0.0.1 . .. ... -
1:30.5 12:30:00.5 -1:30.25
9223372036854775807 9223372036854775808 18446744073709551615 -9223372036854775808 007 0007
.inf -.inf +.inf .Inf .INF .nan .NaN .NAN -.nan inf nan
a abc a-b a_b team-c 1a 1-2 50Mi 500m 1Gi 100% v1 v1.2 rbac.authorization.k8s.io/v1 system:masters a:b 80:80 443/TCP
2026 2026-1-1x 2026-11 0xdeadbeef 0755 0o755 0644 1e10 1.e+5 0.1 100.0 123456789.123 -0 +0 -0.0 1,000 +a -a +1a
é 日本 true1 yess nope off1 ~a null1 0. 00.5 +00 0b 0x 0b_1 0x_f 1_2:3 1_2:3.5
"""


def read(text):
    try:
        value = yaml.safe_load("v: " + text)["v"]
        return json.loads(json.dumps(value, allow_nan=False))
    except (ValueError, TypeError, yaml.YAMLError):
        return None


pairs = []
for text in SCALARS.split():
    value = read(text)
    is_null = yaml.safe_load("v: ~")["v"] is None and text in ("~", "null", "Null", "NULL")
    if value is None and not is_null:
        print("refused:", text)
        continue
    pairs.append([text, value])
with open("plain-scalars.json", "w", encoding="utf-8") as file:
    rows = ",\n".join(" " + json.dumps(pair, ensure_ascii=False) for pair in pairs)
    file.write("[\n" + rows + "\n]\n")
