"""Recipes that were collected because they kept treadle silent, crashed it, or tried to run something."""

from __future__ import annotations

COLLECTED = {
    "r_bomb": """\
a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]
d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]
e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d]
f: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e]
g: &g [*f, *f, *f, *f, *f, *f, *f, *f, *f]
h: &h [*g, *g, *g, *g, *g, *g, *g, *g, *g]
i: &i [*h, *h, *h, *h, *h, *h, *h, *h, *h]
model: miniature
data: prepared
output: out/bomb
report_to: *i
stages: *i
""",
    "r_bomb2": """\
model: miniature
data: prepared
output: out/bomb2
stages:
  - kind: srl
    trl:
      model_init_kwargs:
        a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]
        b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]
        c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]
        d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]
        e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d]
        f: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e]
        g: &g [*f, *f, *f, *f, *f, *f, *f, *f, *f]
        h: &h [*g, *g, *g, *g, *g, *g, *g, *g, *g]
""",
    "r_recursive": """\
model: miniature
data: prepared
output: out/rec
stages: &s
  - kind: srl
    trl: &t
      model_init_kwargs: *t
""",
    "r_python": """\
model: !!python/object/apply:os.system ["touch PWNED_YAML"]
data: prepared
output: out
stages: [{kind: srl}]
""",
}
