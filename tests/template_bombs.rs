//! Hostile templates end in an error: no crash, no hang, no exhausted stack or memory. Everything here runs on a small
//! stack, and a test that does not come back is a failure in itself.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use stationmaster::template::{Error, Input, Limits, Template};

/// Smaller than any thread that renders.
const STACK: usize = 512 * 1024;

fn on_a_small_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(work)
        .unwrap()
        .join()
        .unwrap()
}

fn input(payload: &str) -> Input<'_> {
    Input {
        name: "job",
        namespace: "default",
        payload,
        template: "template",
        uid: "uid",
        date: "2026-01-02T03:04:05Z".parse().unwrap(),
    }
}

/// What becomes of a source: its first fault, its error, or the length of its output.
fn outcome(source: String, payload: String) -> Result<usize, String> {
    on_a_small_stack(move || {
        let template = Template::parse(&source).map_err(|faults| faults[0].to_string())?;
        let output = template.render(&input(&payload), "test", &Limits::default());
        output.map(|output| output.len()).map_err(|error| error.to_string())
    })
}

fn refused(source: impl Into<String>) {
    let source = source.into();
    let shown: String = source.chars().take(120).collect();
    let outcome = outcome(source, "x".repeat(1000));
    assert!(outcome.is_err(), "{shown} gave {} bytes", outcome.unwrap());
}

#[test]
fn refuses_what_never_ends() {
    for source in [
        "{{ range 1000000000 }}{{ end }}",
        "{{ range 9223372036854775807 }}x{{ end }}",
        "{{ range until 10000 }}{{ range until 10000 }}{{ end }}{{ end }}",
        "{{ range 10000 }}{{ range 10000 }}{{ . }}{{ end }}{{ end }}",
        "{{ define \"x\" }}{{ template \"x\" . }}{{ end }}{{ template \"x\" . }}",
        "{{ define \"x\" }}{{ template \"y\" . }}{{ end }}{{ define \"y\" }}{{ template \"x\" . }}{{ end }}{{ template \"x\" . }}",
        "{{ define \"x\" }}{{ if true }}{{ with . }}{{ range 2 }}{{ template \"x\" $ }}{{ end }}{{ end }}{{ end }}{{ end }}{{ template \"x\" . }}",
        "{{ block \"x\" . }}{{ template \"x\" . }}{{ end }}",
        "{{ define \"x\" }}{{ if gt . 0 }}{{ template \"x\" (int (sub . 1)) }}{{ template \"x\" (int (sub . 1)) }}{{ end }}{{ end }}{{ template \"x\" 40 }}",
    ] {
        refused(source);
    }
}

#[test]
fn refuses_what_grows_too_large() {
    for source in [
        "{{ repeat 1000000000 \"x\" }}",
        "{{ repeat 9223372036854775807 \"xy\" }}",
        "{{ until 1000000000 }}",
        "{{ until -9223372036854775808 }}",
        "{{ untilStep 0 9223372036854775807 1 }}",
        "{{ untilStep -9223372036854775808 9223372036854775807 1 }}",
        "{{ seq 1000000000 }}",
        "{{ indent 1000000000 \"x\" }}",
        "{{ nindent 100000 (repeat 1000 \"\\n\") }}",
        "{{ printf \"%9999999d\" 1 }}",
        "{{ printf \"%.9999999f\" 1.5 }}",
        "{{ printf \"%1000000d%1000000d\" 1 2 }}",
        "{{ printf \"%*d%*d\" 999999 1 999999 2 }}",
        "{{ randAlpha 1000000000 }}",
        "{{ randBytes 1000000000 }}",
        "{{ randAscii 9223372036854775807 }}",
        "{{ wrapWith 1 (repeat 100000 \"x\") (repeat 100000 \"y\") }}",
        "{{ replace \"\" (repeat 100000 \"x\") (repeat 100000 \"y\") }}",
        "{{ replace \"y\" (repeat 100000 \"x\") (repeat 100000 \"y\") }}",
        "{{ join (repeat 100000 \"x\") (until 1000) }}",
        "{{ regexReplaceAll \"\" (repeat 10000 \"x\") (repeat 10000 \"y\") }}",
        "{{ regexReplaceAll \"(.*)\" (repeat 1000 \"x\") (repeat 10000 \"$1\") }}",
        "{{ splitList \"\" (repeat 1000000 \"x\") }}",
        "{{ split \"\" (repeat 1000000 \"x\") }}",
        "{{ $s := \"x\" }}{{ range 40 }}{{ $s = print $s $s }}{{ end }}",
        "{{ $s := \"x\" }}{{ range 40 }}{{ $s = printf \"%s%s\" $s $s }}{{ end }}",
        "{{ $s := \"x\" }}{{ range 40 }}{{ $s = cat $s $s }}{{ end }}",
        "{{ $s := \"x\" }}{{ range 40 }}{{ $s = quote $s $s }}{{ end }}",
        "{{ $s := \"<\" }}{{ range 40 }}{{ $s = html $s }}{{ end }}{{ range 1000 }}{{ $s = js $s }}{{ $s = toJson $s }}{{ end }}",
        "{{ $l := list 1 }}{{ range 40 }}{{ $l = concat $l $l }}{{ end }}",
        "{{ $l := list 1 }}{{ range 100000 }}{{ $l = append $l 1 }}{{ end }}",
        "{{ $l := list 1 }}{{ range 60 }}{{ $l = list $l $l }}{{ end }}{{ $l }}",
        "{{ $d := dict }}{{ range 60 }}{{ $d = dict \"a\" $d \"b\" $d }}{{ end }}{{ $d }}",
        "{{ $d := dict }}{{ range 60 }}{{ $d = dict \"a\" $d \"b\" $d }}{{ end }}{{ toJson $d }}",
        "{{ $d := dict }}{{ range 60 }}{{ $d = dict \"a\" $d \"b\" $d }}{{ end }}{{ deepCopy $d }}",
        "{{ range 100000 }}{{ repeat 1000 \"x\" }}{{ end }}",
        "{{ range 100000 }}{{ $x := repeat 1000000 \"x\" }}{{ end }}",
        "{{ range $i := 100000 }}{{ $x := repeat 1000 \"x\" | sha512sum }}{{ end }}",
    ] {
        refused(source);
    }
}

#[test]
fn refuses_what_is_nested_too_deeply() {
    let deep =
        |open: &str, inner: &str, close: &str, count| format!("{}{inner}{}", open.repeat(count), close.repeat(count));
    for count in [100, 1000, 5000] {
        refused(deep("{{if .Name}}", "", "{{end}}", count));
        refused(deep("{{with .Name}}", "", "{{end}}", count));
        refused(deep("{{range 1}}", "", "{{end}}", count));
        refused(format!("{{{{ {} }}}}", deep("(", "1", ")", count)));
        refused(format!("{{{{ {} }}}}", deep("(print ", "1", ")", count)));
        refused(deep("{{block \"x\" .}}", "", "{{end}}", count));
    }
    refused("{{if .Name}}".repeat(4000));
    refused("{{ ((((((((((".repeat(500));
    for source in [
        "{{ $l := list }}{{ range 100000 }}{{ $l = list $l }}{{ end }}",
        "{{ $d := dict }}{{ range 10000 }}{{ $d = dict \"x\" $d }}{{ end }}{{ $d }}",
        "{{ $d := dict }}{{ $c := $d }}{{ range 10000 }}{{ $n := dict }}{{ $_ := set $c \"x\" $n }}{{ $c = $n }}{{ end }}{{ $d }}",
        "{{ $d := dict }}{{ $l := list }}{{ range 10000 }}{{ $l = list $d }}{{ $d = dict \"x\" $l }}{{ end }}{{ toJson $d }}",
        "{{ mustFromJson (repeat 10000 \"[\") }}",
        "{{ fromJson (printf \"%s1%s\" (repeat 10000 \"[\") (repeat 10000 \"]\")) }}",
        "{{ fromJson (printf \"%s1%s\" (repeat 10000 \"{\\\"a\\\":\") (repeat 10000 \"}\")) }}",
    ] {
        refused(source);
    }
}

#[test]
fn needs_little_stack_at_its_deepest() {
    // As many blocks and parentheses as the grammar allows, in a template that calls itself, around the deepest value.
    let (open, close) = ("{{if true}}{{with $}}".repeat(15), "{{end}}{{end}}".repeat(15));
    let argument = format!("{}${}", "(".repeat(32), ")".repeat(32));
    let body = format!("{open}{{{{ {argument} | toJson }}}}{{{{ template \"x\" {argument} }}}}{close}");
    let value = "{{ $l := list 1 }}{{ range 60 }}{{ $l = list $l }}{{ end }}";
    refused(format!(
        "{{{{ define \"x\" }}}}{body}{{{{ end }}}}{value}{{{{ template \"x\" $l }}}}"
    ));
}

#[test]
fn survives_a_long_chain_of_else_if() {
    let chain = |count| {
        format!(
            "{{{{if eq .Name \"a\"}}}}{}b{{{{end}}}}",
            "{{else if eq .Name \"c\"}}d".repeat(count)
        )
    };
    assert_eq!(outcome(chain(1000), String::new()), Ok(0));
    for count in [1600, 3200, 10_000] {
        refused(chain(count));
    }
}

#[test]
fn refuses_dicts_that_contain_themselves() {
    let itself = "{{ $d := dict }}{{ $_ := set $d \"self\" $d }}";
    let twins = "{{ $d := dict }}{{ $e := dict \"d\" (list $d) }}{{ $_ := set $d \"e\" $e }}";
    for cycle in [itself, twins] {
        for use_of_it in [
            "{{ $d }}",
            "{{ print $d }}",
            "{{ printf \"%v\" $d }}",
            "{{ printf \"%#v\" $d }}",
            "{{ toJson $d }}",
            "{{ toPrettyJson $d }}",
            "{{ toString $d }}",
            "{{ quote $d }}",
            "{{ join \",\" (list $d) }}",
            "{{ deepCopy $d }}",
            "{{ dict $d 1 }}",
            "{{ html $d }}",
            "{{ $x := deepCopy (dict \"d\" $d) }}",
        ] {
            refused(format!("{cycle}{use_of_it}"));
        }
    }
    refused(format!(
        "{itself}{{{{ $f := dict }}}}{{{{ $_ := set $f \"self\" $f }}}}{{{{ deepEqual $d $f }}}}"
    ));
    refused(format!(
        "{itself}{{{{ $f := dict }}}}{{{{ $_ := set $f \"self\" $f }}}}{{{{ merge $d $f }}}}"
    ));
    refused(format!(
        "{itself}{{{{ $f := dict }}}}{{{{ $_ := set $f \"self\" $f }}}}{{{{ uniq (list $d $f) }}}}"
    ));
    // Made but not shown, such a dict is as harmless as in Go.
    assert_eq!(
        outcome(format!("{itself}{{{{ $d.self.self.self | len }}}}"), String::new()),
        Ok(1)
    );
}

#[test]
fn bounds_regular_expressions() {
    for source in [
        "{{ regexMatch \"((a{100}){100}){100}\" \"a\" }}",
        "{{ regexFind \"(?i)\\\\pL{1000}\" \"a\" }}",
        "{{ regexFind (repeat 5000 \"(\") \"a\" }}",
        "{{ regexFind (printf \"%sa%s\" (repeat 5000 \"(\") (repeat 5000 \")\")) \"a\" }}",
        "{{ regexFind (printf \"%sa%s\" (repeat 5000 \"[\") (repeat 5000 \"]\")) \"a\" | fail }}",
        "{{ range $i := 100000 }}{{ regexMatch (printf \"a%d\" $i) \"a\" }}{{ end }}",
        "{{ regexFindAll \"\" (repeat 1000000 \"a\") -1 }}",
    ] {
        refused(source);
    }
    // What takes exponential time elsewhere is linear here.
    let source = "{{ regexMatch \"(a*)*(a|aa)+$\" (printf \"%sb\" (repeat 100000 \"a\")) }}";
    assert_eq!(outcome(source.to_owned(), String::new()), Ok(5));
}

#[test]
fn keeps_to_the_limits_it_is_given() {
    let render = |source: &str, limits: &Limits| Template::parse(source).unwrap().render(&input("x"), "test", limits);
    let limits = Limits {
        output: 10,
        ..Limits::default()
    };
    assert_eq!(render("{{ range 10 }}x{{ end }}", &limits).as_deref(), Ok("xxxxxxxxxx"));
    assert!(matches!(
        render("{{ range 11 }}x{{ end }}", &limits),
        Err(Error::Limit(_))
    ));
    assert!(matches!(
        render("{{ repeat 11 \"x\" | trunc 1 }}", &limits),
        Err(Error::Limit(_))
    ));
    let limits = Limits {
        steps: 100,
        ..Limits::default()
    };
    assert!(matches!(
        render("{{ range 100 }}x{{ end }}", &limits),
        Err(Error::Limit(_))
    ));
    assert!(render("{{ range 10 }}x{{ end }}", &limits).is_ok());
    let limits = Limits {
        memory: 1000,
        ..Limits::default()
    };
    assert!(matches!(
        render("{{ range 20 }}{{ $x := repeat 100 \"x\" }}{{ end }}", &limits),
        Err(Error::Limit(_))
    ));
}

/// A small generator, so that a failure can be had again.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn one<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.below(of.len())]
    }
}

const PIECES: &[&str] = &[
    "{{",
    "}}",
    "{{-",
    "-}}",
    " ",
    "\n",
    "\t",
    "(",
    ")",
    "|",
    ".",
    "$",
    "$x",
    "$y",
    ":=",
    "=",
    ",",
    "if",
    "else",
    "end",
    "range",
    "with",
    "define",
    "template",
    "block",
    "break",
    "continue",
    "nil",
    "true",
    "false",
    "\"a\"",
    "\"\"",
    "`b`",
    "'c'",
    "0",
    "1",
    "-1",
    "2.5",
    "1e300",
    "0x1F",
    "9223372036854775807",
    ".Name",
    ".Payload",
    ".Payload.x",
    "$.UID",
    "and",
    "or",
    "not",
    "eq",
    "lt",
    "index",
    "len",
    "print",
    "printf",
    "\"%d %s %v %*d %[3]q\"",
    "\"%999999d\"",
    "/*",
    "*/",
    "é",
    "\u{0}",
    "\\",
    "\"",
    "'",
    "`",
    "x",
    ";",
    "text",
];

const VALUES: &[&str] = &[
    ".Name",
    ".Payload",
    ".Date",
    "\"\"",
    "\"a,b\"",
    "\"é☃\"",
    "\"\\xff\"",
    "\"2006-01-02\"",
    "\"1h\"",
    "\"[a-z]+\"",
    "\"(\"",
    "0",
    "1",
    "-1",
    "3",
    "-9223372036854775808",
    "9223372036854775807",
    "1.5",
    "-0.0",
    "1e300",
    "true",
    "false",
    "nil",
    "now",
    "(list 1 \"a\" nil)",
    "(list)",
    "(dict \"a\" 1)",
    "(dict)",
    "(fromJson .Payload)",
    "(splitList \",\" \"a,b\")",
    "(split \",\" \"a,b\")",
    "(until 3)",
    "(semver \"1.2.3\")",
    "$d",
    "(now.Sub now)",
    "now.Month",
    "(int64 5)",
    "(index \"a\" 0)",
    "(float64 \"nan\")",
    "(float64 \"inf\")",
    "(int -5)",
];

/// Every function, so that each meets every kind of argument.
fn functions() -> Vec<String> {
    let golden = include_str!("data/templates/golden.json");
    let rows: Vec<serde_json::Value> = serde_json::from_str(golden).unwrap();
    let mut names = std::collections::BTreeSet::new();
    for row in &rows {
        let words = row["template"]
            .as_str()
            .unwrap()
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        names.extend(
            words
                .filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic()))
                .map(str::to_owned),
        );
    }
    names.extend(
        [
            "randAlpha",
            "randAlphaNum",
            "randNumeric",
            "randAscii",
            "randBytes",
            "randInt",
            "shuffle",
            "uuidv4",
        ]
        .map(str::to_owned),
    );
    names.retain(|name| {
        let known = |source: &str| {
            Template::parse(source)
                .err()
                .is_none_or(|faults| !faults[0].message.contains("not defined"))
        };
        known(&format!("{{{{ {name} }}}}"))
    });
    names.into_iter().collect()
}

#[test]
fn survives_random_tokens() {
    on_a_small_stack(|| {
        let mut draw = Draw(1);
        for _ in 0..20_000 {
            let length = 1 + draw.below(24);
            let mut source = String::from("{{");
            for _ in 0..length {
                source.push_str(draw.one(PIECES));
                if draw.below(2) == 0 {
                    source.push(' ');
                }
            }
            survives(&source);
        }
    });
}

#[test]
fn survives_random_calls() {
    let names = functions();
    assert!(names.len() > 190, "{} functions", names.len());
    on_a_small_stack(move || {
        let mut draw = Draw(2);
        for round in 0..40_000 {
            let name = &names[round % names.len()];
            let mut source = String::from("{{ $d := dict \"k\" (list 1) }}{{ $_ := set $d \"self\" $d }}{{ ");
            source.push_str(name);
            for _ in 0..draw.below(4) {
                source.push(' ');
                source.push_str(draw.one(VALUES));
            }
            if draw.below(3) == 0 {
                source.extend([" | ", &names[draw.below(names.len())], " ", draw.one(VALUES)]);
            }
            source.push_str(" }}");
            survives(&source);
        }
    });
}

/// Parses and renders; only a panic or a crash is a failure.
fn survives(source: &str) {
    let limits = Limits {
        output: 64 * 1024,
        steps: 20_000,
        memory: 1024 * 1024,
    };
    let result = std::panic::catch_unwind(|| {
        if let Ok(template) = Template::parse(source) {
            let _ = template.render(&input("{\"a\":[1,\"x\"],\"b\":{}}"), "test", &limits);
        }
    });
    assert!(result.is_ok(), "panicked: {source}");
}
