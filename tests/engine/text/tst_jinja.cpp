// The language: every golden expression as python3-jinja2 renders it, errors, and hostile
// templates.
#include "engine/text/jinja_interpreter.h"
#include "engine/text/jinja_parser.h"
#include "tests/support/suite_registry.h"
#include "tests/support/thread_time.h"

#include <nlohmann/json.hpp>
#include <QFile>
#include <QtTest/QtTest>

using namespace engine;
using namespace engine::jinja;
using Json = nlohmann::ordered_json;

namespace {

Json goldens() {
    QFile file(tests::sourceDir() + QStringLiteral("/tests/fixtures/templates/goldens.json"));
    if (!file.open(QIODevice::ReadOnly))
        return {};
    return Json::parse(file.readAll().toStdString());
}

Value fromJson(RenderState& state, const Json& json) {
    if (json.is_boolean())
        return Value::boolean(json.get<bool>());
    if (json.is_number_integer())
        return Value::integer(json.get<std::int64_t>());
    if (json.is_number())
        return Value::number(json.get<double>());
    if (json.is_string())
        return Value::string(state, Text::fromBody(json.get<std::string>()));
    if (json.is_array()) {
        Values items;
        for (const Json& item : json)
            items.push_back(fromJson(state, item));
        return Value::list(state, std::move(items));
    }
    if (json.is_object()) {
        Entries entries;
        for (const auto& [key, item] : json.items())
            entries.emplace_back(Value::literal(Text::fromTemplate(key)), fromJson(state, item));
        return Value::dict(state, std::move(entries));
    }
    return Value::none();
}

struct Outcome {
    Status status;
    Text text;
};

Outcome render(const std::string& source, const Json& variables = Json::object()) {
    const auto parsed = parseTemplate(source);
    if (!parsed)
        return {parsed.status(), {}};
    RenderState state(0);
    Interpreter interpreter(state, **parsed);
    for (const auto& [name, value] : variables.items())
        interpreter.define(name, fromJson(state, value));
    interpreter.define("range", Value::of(Builtin::Range));
    interpreter.define("namespace", Value::of(Builtin::Namespace));
    interpreter.define("dict", Value::of(Builtin::Dict));
    interpreter.define("raise_exception", Value::of(Builtin::RaiseException));
    interpreter.define("strftime_now", Value::of(Builtin::StrftimeNow));
    Text text = interpreter.run();
    return {state.status(), std::move(text)};
}

std::string repeated(const std::string& part, int count) {
    std::string text;
    for (int i = 0; i < count; ++i)
        text += part;
    return text;
}

std::int64_t residentKiB() {
    QFile file(QStringLiteral("/proc/self/statm"));
    if (!file.open(QIODevice::ReadOnly))
        return 0;
    return file.readAll().split(' ').at(1).toLongLong() * 4;
}

} // namespace

class TstJinja : public QObject {
    Q_OBJECT

  private slots:
    void expressionsAsPython_data() {
        QTest::addColumn<QByteArray>("source");
        QTest::addColumn<QByteArray>("text");
        const Json all = goldens();
        QVERIFY(all.contains("expressions") && all["expressions"].size() >= 60);
        for (std::size_t i = 0; i < all["expressions"].size(); ++i) {
            const Json& one = all["expressions"][i];
            const auto source = QByteArray::fromStdString(one["source"].get<std::string>());
            QTest::addRow("%d %s", static_cast<int>(i), source.left(40).constData())
                << source << QByteArray::fromStdString(one["text"].get<std::string>());
        }
    }
    void expressionsAsPython() {
        QFETCH(QByteArray, source);
        QFETCH(QByteArray, text);
        static const Json variables = goldens()["variables"];
        const Outcome outcome = render(source.toStdString(), variables);
        QVERIFY2(outcome.status.ok(), outcome.status.sentence().c_str());
        QCOMPARE(QByteArray::fromStdString(outcome.text.bytes()), text);
    }

    void whatPythonRefusesFails() {
        const Json all = goldens();
        for (const Json& source : all["failing"]) {
            const Outcome outcome = render(source.get<std::string>(), all["variables"]);
            QVERIFY2(!outcome.status.ok(), source.get<std::string>().c_str());
            QVERIFY(
                outcome.status == Code::TemplateSyntax || outcome.status == Code::TemplateFailed ||
                outcome.status == Code::TemplateExceeds || outcome.status == Code::TemplateRefused);
        }
    }

    void errorsNameTheLine() {
        QCOMPARE(QString::fromStdString(render("a\nb {{ x | nope }}").status.sentence()),
                 QStringLiteral("The chat template cannot be read, line 2: the filter 'nope' is "
                                "not known. Choose another template for this model, or ChatML."));
        const std::string failed = render("a\n\n{{ 1 / 0 }}").status.sentence();
        QVERIFY2(failed.find("line 3: division by zero") != std::string::npos, failed.c_str());
        const std::string refused =
            render("{{ raise_exception('roles must\nalternate') }}").status.sentence();
        QVERIFY2(refused.find("roles must\\u{0A}alternate") != std::string::npos, refused.c_str());
    }

    void hostileTemplatesEnd_data() {
        QTest::addColumn<QByteArray>("source");
        const auto row = [](const char* name, const std::string& source) {
            QTest::newRow(name) << QByteArray::fromStdString(source);
        };
        row("macro recursion", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}");
        row("mutual recursion", "{% macro f(n) %}{{ g(n) }}{{ g(n) }}{% endmacro %}"
                                "{% macro g(n) %}x{{ f(n) }}{% endmacro %}{{ f(1) }}");
        row("range", "{% for i in range(10**9) %}{% endfor %}");
        row("nested ranges",
            repeated("{% for i in range(99999) %}", 5) + repeated("{% endfor %}", 5));
        row("range of lists", "{% set ns = namespace(l=[]) %}{% for i in range(99999) %}"
                              "{% set ns.l = ns.l + range(99999)|list %}{% endfor %}");
        row("string product", "{{ 'x' * 10**12 }}");
        row("products", "{{ ('x' * 10**6) * 10**6 }}");
        row("list product", "{{ [0] * 10**12 }}");
        row("doubling", "{% set ns = namespace(s='0123456789') %}{% for i in range(99) %}"
                        "{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s }}");
        row("doubling lists", "{% set ns = namespace(s=[[1]]) %}{% for i in range(99) %}"
                              "{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}");
        row("billion laughs", "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}"
                              "{% set ns.s = [ns.s, ns.s, ns.s] %}{% endfor %}{{ ns.s }}");
        row("laughs compared", "{% set a = namespace(s=[1]) %}{% set b = namespace(s=[1]) %}"
                               "{% for i in range(60) %}{% set a.s = [a.s, a.s] %}"
                               "{% set b.s = [b.s, b.s] %}{% endfor %}{{ a.s == b.s }}");
        row("deep lists", "{% set ns = namespace(s=[]) %}{% for i in range(99999) %}"
                          "{% set ns.s = [ns.s] %}{% endfor %}");
        row("deep dicts", "{% set ns = namespace(s=1) %}{% for i in range(99999) %}"
                          "{% set ns.s = {'k': ns.s} %}{% endfor %}");
        row("deep loops", "{% set ns = namespace(s=1) %}{% for i in range(9999) %}"
                          "{% for j in [ns.s] %}{% set ns.s = loop %}{% endfor %}{% endfor %}");
        row("output", "{% for i in range(99999) %}" + std::string(1000, 'x') + "{% endfor %}");
        row("captured output", repeated("{% set a %}", 40) + "{{ 'x' * 8000000 }}" +
                                   repeated("{{ 'y' * 8000000 }}{% endset %}", 40));
        row("namespaces", "{% for i in range(99999) %}{% for j in range(99) %}"
                          "{% set n = namespace(a=1, b=2, c=3) %}{% endfor %}{% endfor %}");
        row("replace", "{{ ('a' * 10**6)|replace('a', 'b' * 10**6) }}");
        row("empty replace", "{{ ('a' * 10**6)|replace('', 'b' * 10**6) }}");
        row("join", "{{ range(99999)|join('x' * 10**6) }}");
        row("split", "{{ ('a,' * 10**6).split(',') }}{{ ('a ' * 4000000).split() }}");
        row("find", "{% for i in range(99999) %}{{ ('a' * 99999).find('a' * 9999 ~ 'b') }}"
                    "{% endfor %}");
        row("strip", "{% for i in range(9999) %}{{ ('a' * 99999).strip('b' * 99999 ~ 'a') }}"
                     "{% endfor %}");
        row("power", "{{ 10 ** 10 ** 10 }}");
        row("sort", "{{ (range(99999)|list * 9)|sort|length }}{{ (range(99999)|list)|unique }}");
        row("indent", "{{ ('\\n' * 10**6)|indent(1000, blank=true) }}");
        row("tojson indent", "{{ ([[[[[[[[1]]]]]]]] * 99999)|tojson(indent='x' * 99999) }}");
        row("nested map", "{{ [[1]]|map('map', 'map', 'map', 'map', 'map', 'string')|list }}");
        row("parentheses",
            "{{ " + std::string(100000, '(') + "1" + std::string(100000, ')') + " }}");
        row("brackets", "{{ " + std::string(100000, '[') + std::string(100000, ']') + " }}");
        row("minus", "{{ " + repeated("-", 100000) + "1 }}");
        row("nots", "{{ " + repeated("not ", 50000) + "1 }}");
        row("sum chain", "{{ 1" + repeated("+1", 100000) + " }}");
        row("filters", "{{ 'a'" + repeated("|trim", 20000) + " }}");
        row("attributes", "{{ a" + repeated(".a", 50000) + " }}");
        row("inline ifs", "{{ " + repeated("1 if 0 else ", 15000) + "1 }}");
        row("ifs", repeated("{% if 1 %}", 20000));
        row("sets", repeated("{% set x %}", 20000));
        row("elifs", "{% if 0 %}" + repeated("{% elif 0 %}", 20000));
        row("tags", repeated("{{ 1 }}", 36000));
        row("long", std::string(1 << 20, 'x'));
    }
    void hostileTemplatesEnd() {
        QFETCH(QByteArray, source);
        const std::int64_t before = residentKiB();
        const std::int64_t begin = tests::threadTime_ms();
        const Outcome outcome = render(source.toStdString());
        const qint64 elapsed = tests::threadTime_ms() - begin;
        QVERIFY(!outcome.status.ok());
        QVERIFY2(elapsed < 1000 * tests::kSanitizerFactor, QByteArray::number(elapsed).constData());
        QVERIFY2(residentKiB() - before < 64 * 1024, "more than 64 MiB are still held");
        qInfo("%lld ms: %s", static_cast<long long>(elapsed),
              outcome.status.sentence().substr(0, 120).c_str());
    }

    // Two bytes a word: where each character of the result came from.
    void originSurvives_data() {
        QTest::addColumn<QByteArray>("source");
        QTest::addColumn<QByteArray>("marks"); // of body "  Ab,cD  ": t template, b body
        const auto row = [](const char* source, const char* marks) {
            QTest::newRow(source) << QByteArray(source) << QByteArray(marks);
        };
        row("{{ x }}", "bbbbbbbbb");
        row("<{{ x | trim }}>", "tbbbbbt");
        row("{{ '<' + x.strip() + '>' }}", "tbbbbbt");
        row("{{ x.split(',')[-1] }}", "bbbb");
        row("{{ x.split(',') | join(';') }}", "bbbbtbbbb");
        row("{{ x | trim | replace(',', '--') }}", "bbttbb");
        row("{{ x | trim | upper }}", "bbbbb");
        row("{{ (x | trim)[::-1] }}", "bbbbb");
        row("{{ (x | trim) ~ 1 ~ (x | trim | first) }}", "bbbbbtb");
        row("{{ (x | trim) * 2 }}", "bbbbbbbbbb");
        row("{% set y %}a{{ x | trim }}{% endset %}{{ y | title }}", "tbbbbb");
        row("{% macro m(a) %}[{{ a }}]{% endmacro %}{{ m(x | trim) | lower }}", "tbbbbbt");
        row("{{ [x | trim] }}", "ttbbbbbtt");
        row("{{ {'k': x | trim} | tojson }}", "tttttttbbbbbtt");
        row("{% for c in x | trim %}{{ c }}.{% endfor %}", "btbtbtbtbt");
        row("{% set ns = namespace(s='') %}{% set ns.s = ns.s + x.strip() %}{{ ns.s }}", "bbbbb");
        row("{{ x | trim | indent(2, true) }}", "ttbbbbb");
    }
    void originSurvives() {
        QFETCH(QByteArray, source);
        QFETCH(QByteArray, marks);
        const Outcome outcome = render(source.toStdString(), {{"x", "  Ab,cD  "}});
        QVERIFY2(outcome.status.ok(), outcome.status.sentence().c_str());
        QByteArray got;
        for (std::size_t i = 0; i < outcome.text.size(); ++i)
            got += outcome.text.isBodyAt(i) ? 'b' : 't';
        QCOMPARE(got, marks);
    }

    void strftimeWrites() {
        const Outcome outcome = render("{{ strftime_now('%Y') }}");
        QVERIFY(outcome.status.ok());
        QVERIFY(QByteArray::fromStdString(outcome.text.bytes()).toInt() >= 2024);
    }
};

INGLENOOK_SUITE(jinja, TstJinja)
#include "tst_jinja.moc"
