use serde_json::json;

use super::*;

fn pairs(pairs: &[(&str, &str)]) -> Pairs {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn input(namespace: &str, labels: &[(&str, &str)]) -> Input {
    Input::new(namespace, &pairs(labels), &Pairs::new(), Arc::default())
}

fn rendered(source: &str, input: &Input) -> Result<Value, Fault> {
    let template = Template::compile(source, Syntax::Auto)?;
    let first = template.documents(input);
    // The second time the text is known.
    assert_eq!(first, template.documents(input), "{source}");
    first.map(Value::Array)
}

#[test]
fn values_are_printed_where_they_stand() {
    let input = input("team-c", &[("tier", "gold"), ("example.com/size", "3")]);
    for (source, expected) in [
        ("a: {{ NAMESPACE }}", json!({"a": "team-c"})),
        ("a: \"x-{{NAMESPACE}}.svc\"", json!({"a": "x-team-c.svc"})),
        ("a: {{{ NAMESPACE }}}", json!({"a": "team-c"})),
        ("{{ NAMESPACE }}: [{{ LABELS.tier }}]", json!({"team-c": ["gold"]})),
        ("a: |\n  x {{ NAMESPACE }}\n  y\n", json!({"a": "x team-c\ny\n"})),
        ("a: {{ LABELS.[example.com/size] }}", json!({"a": "3"})),
        ("a: {{ int LABELS.[example.com/size] }}", json!({"a": 3})),
        ("a: \"{{ int LABELS.[example.com/size] }}\"", json!({"a": "3"})),
        ("a: {{ int LABELS.[example.com/size] }}Gi", json!({"a": "3Gi"})),
        ("a: {{ bool \"yes\" }}", json!({"a": true})),
        ("a: {{ base64 NAMESPACE }}", json!({"a": "dGVhbS1j"})),
        ("a: {{ upper (default \"none\" LABELS.tier) }}", json!({"a": "GOLD"})),
        ("a: {{ default \"none\" LABELS.nothing }}", json!({"a": "none"})),
        (
            "a: {{ json LABELS }}",
            json!({"a": "{\"example.com/size\":\"3\",\"tier\":\"gold\"}"}),
        ),
        (
            "a: 1{{#if (eq LABELS.tier \"gold\")}}\nb: {{ NAMESPACE }}{{/if}}",
            json!({"a": 1, "b": "team-c"}),
        ),
        (
            "{{#each LABELS}}\n'{{@key}}': {{this}}\n{{/each}}",
            json!({"example.com/size": "3", "tier": "gold"}),
        ),
        ("# {{ NAMESPACE }}\na: yes", json!({"a": true})),
    ] {
        assert_eq!(rendered(source, &input), Ok(json!([expected])), "{source}");
    }
}

#[test]
fn jinja_prints_them_too() {
    let input = input("team-c", &[("tier", "gold"), ("example.com/size", "3")]);
    for (source, expected) in [
        (
            "{% if true %}a: {{ NAMESPACE.upper().replace('-', '_') }}{% endif %}",
            json!({"a": "TEAM_C"}),
        ),
        ("a: {{ NAMESPACE | upper }}", json!({"a": "TEAM-C"})),
        ("a: {{ nobody | default('x') }}{{ nobody }}", json!({"a": "x"})),
        (
            "{% if LABELS.tier == 'gold' %}a: {{ NAMESPACE }}{% endif %}",
            json!({"a": "team-c"}),
        ),
        (
            "{% for k, v in LABELS|items %}{{ k }}: {{ v }}\n{% endfor %}",
            json!({"example.com/size": "3", "tier": "gold"}),
        ),
        (
            "{% macro m(x) %}<{{ x }}>{% endmacro %}a: {{ m(NAMESPACE) }}",
            json!({"a": "<team-c>"}),
        ),
        (
            "{% set x %}[{{ NAMESPACE }}]{% endset %}a: {{ x }}",
            json!({"a": "[team-c]"}),
        ),
        (
            "a: {{ LABELS['example.com/size'] | int }}\nb: {{ 1 + 1 }}",
            json!({"a": 3, "b": 2}),
        ),
        (
            "a: {{ 'off' | bool }}\nb: '{{ 1 == 1 }}'",
            json!({"a": false, "b": "True"}),
        ),
        (
            "a: {{ 'x' | int }}-{{ '7.9' | int }}-{{ 'x' | int(default=3) }}",
            json!({"a": "0-7-3"}),
        ),
        ("a: {{ NAMESPACE | b64encode }}{# nothing #}", json!({"a": "dGVhbS1j"})),
    ] {
        assert_eq!(rendered(source, &input), Ok(json!([expected])), "{source}");
    }
}

#[test]
fn a_printed_value_never_changes_the_structure() {
    let values = [
        "123",
        "true",
        "yes",
        "~",
        "",
        "a: b",
        "[x",
        "- a\n- b",
        "\"",
        "'",
        "# c",
        "*a",
        "{{ LABELS }}",
        "\u{E000}0\u{E000}",
        "\n---\nb: 1",
    ];
    for value in values {
        let input = input("x", &[("value", value)]);
        for source in [
            "a: {{ LABELS.value }}",
            "a: {{{ LABELS.value }}}",
            "a: '{{ LABELS.value }}'",
            "a: {{ lookup LABELS \"value\" }}",
            "{{#each LABELS}}a: {{ this }}{{/each}}",
            "{% if true %}a: {{ LABELS.value }}{% endif %}",
            "{% macro m(x) %}{{ x }}{% endmacro %}a: {{ m(LABELS.value) }}",
        ] {
            assert_eq!(
                rendered(source, &input),
                Ok(json!([{"a": value}])),
                "{source} of {value:?}"
            );
        }
        let key = rendered("{{ LABELS.value }}: 1", &input);
        assert_eq!(key, Ok(json!([{value: 1}])), "{value:?}");
    }
}

#[test]
fn what_a_namespace_lacks_is_an_error_of_handlebars() {
    let input = input("x", &[("tier", "gold"), ("size", "many")]);
    for (source, fault) in [
        ("a: 1\nb: {{ LABELS.nothing }}", "line 2: LABELS.nothing has no value"),
        ("b: {{ lower LABELS.nothing }}", "line 1: LABELS.nothing has no value"),
        ("a: {{ int LABELS.size }}", "line 1: int: the value is no whole number"),
        (
            "a: {{ bool LABELS.size }}",
            "line 1: bool: the value is neither true nor false",
        ),
        ("a: {{ nothing LABELS.size }}", "line 1: there is no helper nothing"),
        ("a: {{ log LABELS.size }}", "line 1: there is no helper log"),
        (
            "a: {{ related \"Secret\" \"a/b\" }}",
            "line 1: Secret.v1 a/b is not among the related objects",
        ),
        (
            "{% if 1 %}\na: {{ related('Secret', 'a/b') }}{% endif %}",
            "line 2: Secret.v1 a/b is not among the related objects",
        ),
        (
            "{% if 1 %}\na: {{ LABELS.size | bool }}{% endif %}",
            "line 2: bool: the value is neither true nor false",
        ),
    ] {
        let told = rendered(source, &input).expect_err(source).to_string();
        assert_eq!(told, fault, "{source}");
    }
}

#[test]
fn lines_of_rendered_text_are_told_as_such() {
    let told = |source: &str| rendered(source, &input("x", &[])).expect_err(source).to_string();
    let placed = told("a: 1\nb: [");
    assert!(
        placed.starts_with("line 2: no YAML: ") && !placed.ends_with(')'),
        "{placed}"
    );
    let moved = told("a: 1\n{{#if NAMESPACE}}\nb: [\n{{/if}}");
    assert!(moved.ends_with(" (by the lines of the rendered text)"), "{moved}");
}

#[test]
fn sources_that_cannot_work_are_refused() {
    for (source, line) in [
        ("a: 1\nb: {{ NAMESPACE", Some(2)),
        ("a: 1\n{{#if NAMESPACE}}b: 1", None),
        ("a: 1\n{{> other}}", Some(2)),
        ("{{#if NAMESPACE}}\n{{> other}}{{/if}}", Some(2)),
        ("{{#*inline \"a\"}}{{> a}}{{/inline}}{{> a}}", Some(1)),
        ("a: 1\n{% if %}{% endif %}", Some(2)),
        ("a: \u{E000}", Some(1)),
    ] {
        let fault = Template::compile(source, Syntax::Auto).expect_err(source);
        if line.is_some() {
            assert_eq!(fault.line, line, "{source}: {fault}");
        }
    }
    assert!(Template::compile(&" ".repeat(LONGEST + 1), Syntax::Auto).is_err());
}

#[test]
fn related_objects_are_read() {
    let object = json!({"metadata": {"namespace": "platform"}, "data": {"region": "eu"}});
    let groups = [(
        "ConfigMap.v1".to_owned(),
        [("platform/defaults".to_owned(), object)].into(),
    )]
    .into();
    let input = Input::new("x", &Pairs::new(), &Pairs::new(), Arc::new(Related::new(groups)));
    for source in [
        "a: {{#with (related \"ConfigMap\" \"platform/defaults\")}}{{ data.region }}{{/with}}",
        "a: {{ lookup (lookup (related \"ConfigMap\" \"platform/defaults\") \"data\") \"region\" }}",
        "{% if 1 %}a: {{ related('ConfigMap', 'platform/defaults').data.region }}{% endif %}",
    ] {
        assert_eq!(rendered(source, &input), Ok(json!([{"a": "eu"}])), "{source}");
    }
    assert!(
        rendered(
            "a: {{ lookup (related \"ConfigMap\" \"platform/defaults\") \"nothing\" }}",
            &input
        )
        .is_err()
    );
}

#[test]
fn loops_without_end_are_ended() {
    let input = input("x", &[]);
    assert!(
        rendered(
            "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
            &input
        )
        .is_err()
    );
    assert!(rendered("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", &input).is_err());
}
