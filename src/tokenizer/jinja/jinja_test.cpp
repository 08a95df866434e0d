// What templates mean. Beside the library itself: tests/chat_template_differential.
#include <gtest/gtest.h>

#include "core/temporary_folder.h"
#include "tokenizer/jinja/evaluator.h"
#include "tokenizer/jinja/json_reader.h"
#include "tokenizer/jinja/parser.h"

namespace saker::jinja {
namespace {

const char* const kVariables = R"({"n": 3, "s": " Some text ", "u": "\u00e9\u4e16x", "l": [3, 1, 2], "nothing": null,
    "d": {"b": 1, "a": [1, {"x": null}], "items": 2}, "big": 9223372036854775807,
    "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}]})";

std::string rendered(std::string_view source, const Limits& limits = {}) {
  Variables variables;
  const Value value = read_json(kVariables, "variables");
  for (const auto& [name, member] : value.dict()->items) variables[*name.text()] = member;
  return render(parse(source), variables, limits);
}

std::string value_of(const std::string& expression) {
  return rendered("{{ " + expression + " }}");
}

std::string refusal_of(const std::string& source) {
  return error_of([&] { rendered(source); });
}

void expect_all(std::initializer_list<std::pair<const char*, const char*>> cases) {
  for (const auto& [expression, expected] : cases) EXPECT_EQ(value_of(expression), expected) << expression;
}

TEST(Jinja, Literals) {
  expect_all({{"1_000", "1000"},
              {"1.0", "1.0"},
              {"1e20", "1e+20"},
              {"0.00001", "1e-05"},
              {"1e15", "1000000000000000.0"},
              {"[1, 'a\\'b', \"q\", none, True, (1,), {'k': 1.5}]", "[1, \"a'b\", 'q', None, True, (1,), {'k': 1.5}]"},
              {R"('\x41\u00e9\U0001F600\t\q\101' "two")", "Aé😀\t\\qAtwo"},
              {"['\\n\\t\\x00\\x7f\\u200b\u4e16']", "['\\n\\t\\x00\\x7f\\u200b世']"},
              {"{1: 'a', true: 'b', 1.0: 'c'}", "{1: 'c'}"},
              {"()", "()"},
              {"1, 2", "(1, 2)"}});
}

TEST(Jinja, Operators) {
  expect_all(
      {{"1 + 2 * 3 - 4", "3"},
       {"-2**2", "4"},
       {"2**3**2", "64"},
       {"2**-1", "0.5"},
       {"7 // -2, 7 % -2, -7 % 2", "(-4, -1, 1)"},
       {"7.5 // 2, -7.5 % 2, 1 / 4", "(3.0, 0.5, 0.25)"},
       {"(1 + 2) ~ 3 * 2", "36"},
       {"'a' * 3 + 'b'", "aaab"},
       {"[1] + [2], (1,) * 2", "([1, 2], (1, 1))"},
       {"true + 1", "2"},
       {"1 < 2 <= 2 != 3", "True"},
       {"1 < 1 < missing.x", "False"},
       {"not 1 == 1", "False"},
       {"'a' in 'abc', 1 in l, 'b' in d, 4 not in l", "(True, True, True, True)"},
       {"1 == 1.0, 1 == true, '1' == 1, [1] == (1,), {'a': 1} == {'a': 1.0}", "(True, True, False, False, True)"},
       {"big > 9223372036854775806.0, big == 9223372036854775808.0", "(False, False)"},
       {"'a' < 'b', [1, 2] < [1, 3], (1,) < (1, 0)", "(True, True, True)"},
       {"0 or 'x', 1 and 2, none or false", "('x', 2, False)"},
       {"'a' if false", ""},
       {"1 if 0 else 2 if 0 else 3", "3"},
       {"missing == nope, missing == none", "(True, False)"},
       {"missing ~ 'x'", "x"}});
}

TEST(Jinja, WhatIsInside) {
  expect_all(
      {{"d.b, d['b'], d.a[1].x, l[-1], u[1]", "(1, 1, None, 2, '世')"},
       {"d.items()", "[('b', 1), ('a', [1, {'x': None}]), ('items', 2)]"},
       {"d['items'], d.nope, none.x, 'a'.b", "(2, Undefined, Undefined, Undefined)"},
       {"u[::-1], u[1:], u[:-1], l[5:], l[-2:2], 'abcdef'[-9:9:2]", "('x世é', '世x', 'é世', [], [1], 'ace')"},
       {"l[0, 1], d[], {(1, 2): 'x'}[1, 2], 1 or missing is defined in [1, 2]", "(Undefined, Undefined, 'x', 1)"},
       {"messages[0].role ~ messages[1]['content']", "userYes?"},
       {"d.get('b'), d.get('z'), d.get('z', 5)", "(1, None, 5)"},
       {"s['strip']()", "Some text"}});
}

TEST(Jinja, Methods) {
  expect_all({{"s.strip(), 'xxaxx'.strip('x'), 'aab'.lstrip('a'), 'ab\\n'.rstrip()", "('Some text', 'a', 'b', 'ab')"},
              {"' a  b '.split(), 'a,b,c'.split(',', 1), ''.split(','), 'a b c'.rsplit(' ', 1)",
               "(['a', 'b'], ['a', 'b,c'], [''], ['a b', 'c'])"},
              {"'a b  c'.split(none, 1)", "['a', 'b  c']"},
              {"'aXa'.replace('a', 'b', 1), 'ab'.replace('', '-')", "('bXa', '-a-b-')"},
              {"'hello wORLD'.title(), 'hELLO'.capitalize(), 'É'.lower()", "('Hello World', 'Hello', 'é')"},
              {"'abc'.startswith('ab'), 'abc'.endswith(('x', 'c'))", "(True, True)"},
              {"'-'.join(['a', 'b']), 'abcb'.find('b'), 'abcb'.count('b')", "('a-b', 1, 2)"},
              {"'a\\r\\nb\\nc\\n'.splitlines(), 'prefix'.removeprefix('pre')", "(['a', 'b', 'c'], 'fix')"}});
}

TEST(Jinja, Filters) {
  expect_all(
      {{"s | trim | upper, 'a-b c' | title", "('SOME TEXT', 'A-B C')"},
       {"l | length, u | length, d | count", "(3, 3, 3)"},
       {"l | join('+'), 'abc' | join('-'), messages | join(',', attribute='role')",
        "('3+1+2', 'a-b-c', 'user,assistant')"},
       {"missing | default('x'), '' | d('y', true), none | default(1)", "('x', 'y', None)"},
       {"l | first, l | last, d | first, '' | first", "(3, 2, 'b', Undefined)"},
       {"l | sort, l | sort(reverse=true), ['b', 'A', 'a'] | sort", "([1, 2, 3], [3, 2, 1], ['A', 'a', 'b'])"},
       {"['a', 'A', 'b'] | unique | list, l | reverse | list, 'ab' | reverse", "(['a', 'b'], [2, 1, 3], 'ba')"},
       {"'42' | int, ' 3.9' | int, 'x' | int(7), 2.9 | int, '1.5' | float", "(42, 3, 7, 2, 1.5)"},
       {"2.675 | round(2), 2.5 | round, 7 | round, 1.21 | round(1, 'ceil')", "(2.67, 2.0, 7, 1.3)"},
       {"-3 | abs, [1, 2.5] | sum, l | max, ['b', 'A'] | min", "(3, 3.5, 3, 'A')"},
       {"messages | map(attribute='role') | list, l | map('string') | list",
        "(['user', 'assistant'], ['3', '1', '2'])"},
       {"messages | selectattr('role', 'eq', 'user') | list | length, l | select('odd') | list, l | reject | list",
        "(1, [3, 1], [])"},
       {"{'b': 1, 'A': 2} | dictsort, d | items | list | length", "([('A', 2), ('b', 1)], 3)"},
       {"'a\\n\\nb' | indent(2), 'a' | indent(1, true)", "('a\\n\\n  b', ' a')"},
       {"'<&>' | e", "&lt;&amp;&gt;"}});
}

TEST(Jinja, Json) {
  expect_all({{"d | tojson", R"({"b": 1, "a": [1, {"x": null}], "items": 2})"},
              {"['\u00e9\\n\"', 1.0, true] | tojson", R"(["é\n\"", 1.0, true])"},
              {"'\u00e9\\U0001F600' | tojson(ensure_ascii=true)", R"("\u00e9\ud83d\ude00")"},
              {"'~\\x7f' | tojson, '~\\x7f' | tojson(ensure_ascii=true)", R"(('"~\x7f"', '"~\\u007f"'))"},
              {"{'b': [], 'a': [1]} | tojson(indent=2, sort_keys=true)", "{\n  \"a\": [\n    1\n  ],\n  \"b\": []\n}"},
              {"{10: 1, 2: 2} | tojson(sort_keys=true)", "{\"2\": 2, \"10\": 1}"},
              {"[1, 2] | tojson(separators=(',', ':'))", "[1,2]"}});
}

TEST(Jinja, Tests) {
  expect_all({{"n is defined, missing is defined, missing is not defined", "(True, False, True)"},
              {"none is none, s is string, n is number, true is number, true is integer, 1.5 is float",
               "(True, True, True, True, False, True)"},
              {"d is mapping, l is sequence, d is iterable, n is iterable, true is true, 1 is true",
               "(True, True, True, False, True, False)"},
              {"n is odd, n is divisibleby 3, n is eq 3, n is in l, n is gt(2), 'A' is upper",
               "(True, True, True, True, True, True)"}});
}

TEST(Jinja, Loops) {
  EXPECT_EQ(
      rendered("{% for x in l %}{{ loop.index }}{{ loop.first }}{{ loop.last }}{{ loop.revindex0 }} {% endfor %}"),
      "1TrueFalse2 2FalseFalse1 3FalseTrue0 ");
  EXPECT_EQ(rendered("{% for x in l if x > 1 %}{{ x }}/{{ loop.length }} {% endfor %}"), "3/2 2/2 ");
  EXPECT_EQ(rendered("{% for x in [] %}a{% else %}none{% endfor %}"), "none");
  EXPECT_EQ(rendered("{% for x in [1] %}{% break %}{% else %}else{% endfor %}"), "else");
  EXPECT_EQ(rendered("{% for x in [1] %}{% continue %}{% else %}else{% endfor %}"), "else");
  EXPECT_EQ(rendered("{{ missing is callable }}"), "True");
  EXPECT_EQ(rendered("{% for k, v in d.items() %}{{ k }}{% endfor %}"), "baitems");
  EXPECT_EQ(rendered("{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}"), "32");
  EXPECT_EQ(rendered("{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% else %}-{% endfor %}"), "3");
  EXPECT_EQ(rendered("{% for x in l %}{{ loop.previtem }}<{{ x }}<{{ loop.nextitem }} {% endfor %}"),
            "<3<1 3<1<2 1<2< ");
  EXPECT_EQ(rendered("{% for x in l %}{{ loop.cycle('a', 'b') }}{% endfor %}"), "aba");
}

TEST(Jinja, NamesAndScopes) {
  EXPECT_EQ(rendered("{% set x = 1 %}{% for i in l %}{{ x }}{% set x = x + 1 %}{% endfor %}{{ x }}"), "1111");
  EXPECT_EQ(rendered("{% set ns = namespace(x=1) %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}"),
            "7");
  EXPECT_EQ(rendered("{% if true %}{% set x = 2 %}{% endif %}{{ x }}"), "2");
  EXPECT_EQ(rendered("{% set a, b = 1, 2 %}{{ a ~ b }}"), "12");
  EXPECT_EQ(rendered("{% set x | upper %}a{{ n }}{% endset %}{{ x }}"), "A3");
  EXPECT_EQ(rendered("{% generation %}{% set x = 1 %}{{ x }}{% endgeneration %}{{ x }}"), "1");
  EXPECT_EQ(rendered("{% macro m(a, b=a, c=2) %}{{ a }}{{ b }}{{ c }}{{ n }}{% endmacro %}{{ m(1) }} {{ m(1, c=9) }}"),
            "1123 1193");
  EXPECT_EQ(rendered("{% macro m(a) %}{{ a }}{% endmacro %}{% set n = 4 %}{{ m() }}|{{ m(n) | length }}"), "|1");
}

TEST(Jinja, WhiteSpace) {
  EXPECT_EQ(rendered("a\n  {% if 1 %}\n  b\n  {% endif %}\nc\n"), "a\n  b\nc");
  EXPECT_EQ(rendered("a \n {{- 1 -}} \n b"), "a1b");
  EXPECT_EQ(rendered("a\n {%+ if 1 +%}\nb{% endif %}"), "a\n \nb");
  EXPECT_EQ(rendered("a\n {# note #}\nb {#- x -#} c"), "a\nbc");
  EXPECT_EQ(rendered("{% raw %}{{ x }} {% y {% endraw %}\nz\r\n"), "{{ x }} {% y z");
  EXPECT_EQ(rendered("{{ {'a': {'b': 1}}}}\n\n"), "{'a': {'b': 1}}\n");
  EXPECT_EQ(rendered("x  {% if 1 %}y{% endif %}"), "x  y");
}

TEST(Jinja, RefusesWhatPythonRefuses) {
  for (const char* expression : {"missing.x",
                                 "missing['x']",
                                 "missing + 1",
                                 "missing()",
                                 "1 + 'a'",
                                 "'a' + 1",
                                 "1 < 'a'",
                                 "1 in 2",
                                 "1 in 'a'",
                                 "none | length",
                                 "3()",
                                 "s.nope()",
                                 "{[]: 1}",
                                 "1 / 0",
                                 "1 // 0",
                                 "1 % 0",
                                 "0 ** -1",
                                 "l.append(1)",
                                 "[1, 'a'] | sort",
                                 "missing | tojson",
                                 "missing | int",
                                 "'a' | abs",
                                 "range()",
                                 "range(1, 2, 0)",
                                 "'a'.split('')",
                                 "d | dictsort(by='x')",
                                 "[1] | join(1, 2, 3)",
                                 "'a' | replace('a')",
                                 "namespace(1)",
                                 "l[::0]",
                                 "-'a'"}) {
    EXPECT_NE(refusal_of(std::string("\n{{ ") + expression + " }}").find("line 2: "), std::string::npos) << expression;
  }
  EXPECT_EQ(refusal_of("{{ raise_exception('No ' ~ n) }}"), "[chat template] line 1: the template refuses: \"No 3\"");
  EXPECT_NE(refusal_of("{% set d.x = 1 %}").find("namespace"), std::string::npos);
  EXPECT_NE(refusal_of("{% for a, b in [(1, 2, 3)] %}{% endfor %}").find("2 values"), std::string::npos);
  EXPECT_NE(refusal_of("{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}").find("at most 1"), std::string::npos);
  EXPECT_NE(refusal_of("{{ big + 1 }}").find("64 bits"), std::string::npos);
  EXPECT_EQ(refusal_of("{{ d['zzz'] + 1 }}"), "[chat template] line 1: a dict has no attribute \"zzz\"");
  EXPECT_EQ(refusal_of("{{ 'a' % d['zzz'] }}"),
            "[chat template] line 1: a string % an undefined value is not possible");
}

TEST(Jinja, RefusesTextsThatAreNoTemplates) {
  for (const char* source : {"{{ 1",
                             "{{ l[1,] }}",
                             "{{ l[1:2, 3] }}",
                             "{% if 1 %}",
                             "{% endif %}",
                             "{{ 1 2 }}",
                             "{{ (1 }}",
                             "{{ 'a }}",
                             "{# a",
                             "{{ x | nope }}",
                             "{{ x is nope }}",
                             "{% include 'x' %}",
                             "{% break %}",
                             "{% macro m(a, a) %}{% endmacro %}",
                             "{% for x in l recursive %}{% endfor %}",
                             "{{ a.\n }}",
                             "{{ 1 is none is none }}",
                             "{% set true = 1 %}",
                             "{{ 012 }}",
                             "{{ '\\u12' }}",
                             "{{ $ }}",
                             "{% raw %}",
                             "{{ f(a=1, 2) }}",
                             "{{ 99999999999999999999 }}",
                             "{{ [1, 2 }}",
                             "{% for loop in l %}{% endfor %}",
                             "{{ }}"})
    EXPECT_NE(error_of([&] { parse(source); }).find("[chat template] line "), std::string::npos) << source;
  EXPECT_NE(error_of([&] { parse("{{ '\xff' }}"); }).find("UTF-8"), std::string::npos);
}

TEST(Jinja, StaysWithinItsLimits) {
  const Limits small{.work = 1 << 22, .output = 1 << 12};
  for (const std::string source :
       {"{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", "{{ 'ab' * 1000000000 }}",
        "{% set ns = namespace(x='ab') %}{% for i in range(100) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{% set ns = namespace(x=[]) %}{% for i in range(1000) %}{% set ns.x = [ns.x] %}{% endfor %}",
        "{% set ns = namespace(x=[]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}",
        "{% for i in range(5000) %}x{% endfor %}", "{{ range(1000000) }}", "{{ 'x' | indent(1000000000, true) }}"})
    EXPECT_NE(error_of([&] { rendered(source, small); }).find("[chat template] line 1: "), std::string::npos) << source;
  const auto nested = [](char open, const char* close) {
    std::string text = std::string(5000, open) + '1';
    for (int i = 0; i < 5000; ++i) text += close;
    return text;
  };
  for (const std::string& deep : {nested('(', ")"), nested('[', "]"), nested('-', ""), "x" + nested('[', "]")})
    EXPECT_NE(error_of([&] { parse("{{ " + deep + " }}"); }).find("levels"), std::string::npos) << deep[0];
  std::string sum = "{{ 1", postfix = "{{ x", blocks;
  for (int i = 0; i < 5000; ++i) {
    sum += " + 1";
    postfix += ".a";
    blocks += "{% if 1 %}";
  }
  EXPECT_EQ(rendered(sum + " }}"), "5001");
  EXPECT_NE(error_of([&] { parse(postfix + " }}"); }).find("levels"), std::string::npos);
  EXPECT_NE(error_of([&] { parse(blocks); }).find("blocks within each other"), std::string::npos);
}

}  // namespace
}  // namespace saker::jinja
