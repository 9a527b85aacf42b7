#include "engine/text/jinja_interpreter.h"

#include <ctime>

namespace engine::jinja {

namespace {

// strftime of the local time, as transformers' strftime_now.
std::string formatNow(const std::string& format) {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    localtime_r(&now, &parts);
    char buffer[256];
    return std::string(buffer, std::strftime(buffer, sizeof buffer, format.c_str(), &parts));
}

} // namespace

Interpreter::Interpreter(RenderState& state, const Template& parsed)
    : m_state(state), m_template(parsed) {
    m_frames.emplace_back();
}

void Interpreter::define(std::string name, Value value) {
    m_names.push_back(std::make_unique<std::string>(std::move(name)));
    m_frames.front().variables.emplace_back(*m_names.back(), std::move(value));
}

Text Interpreter::run() {
    Text out;
    m_out = &out;
    execute(m_template.body);
    m_out = nullptr;
    return out;
}

// ---- variables ----

const Value* Interpreter::lookUp(std::string_view name) const {
    for (std::size_t i = m_frames.size(); i-- > 0;) {
        for (const auto& [key, value] : m_frames[i].variables)
            if (key == name)
                return &value;
        if (m_frames[i].isMacro && i > 1)
            i = 1; // next: the outermost
    }
    return nullptr;
}

void Interpreter::assign(std::string_view name, Value value) {
    for (auto& [key, old] : m_frames.back().variables)
        if (key == name) {
            old = std::move(value);
            return;
        }
    m_frames.back().variables.emplace_back(name, std::move(value));
}

void Interpreter::setAttribute(const Value& object, const std::string& name, const Value& value) {
    if (!object.is(Kind::Namespace)) {
        m_state.fail("cannot assign attribute on non-namespace object");
        return;
    }
    NamespaceObject& target = object.asNamespace();
    for (auto& [key, old] : target.attributes)
        if (key == name) {
            old = value;
            return;
        }
    target.attributes.emplace_back(name, value);
    const std::size_t bytes =
        sizeof target + target.attributes.capacity() * sizeof target.attributes[0];
    if (m_state.reserve(bytes))
        target.charge = Charge(&m_state, bytes);
}

// ---- statements ----

void Interpreter::write(const Text& text) {
    if (m_out->size() + text.size() > kMaxOutput)
        m_state.exceed("bytes of output", kMaxOutput);
    if (m_state.spendBytes(text.size()) && m_state.reserve(m_out->cost() + text.cost()))
        m_out->append(text);
}

Text Interpreter::capture(const Body& body) {
    const Charge outer(&m_state, m_out->cost());
    Text inner;
    Text* const before = m_out;
    m_out = &inner;
    m_frames.emplace_back();
    execute(body);
    m_frames.pop_back();
    m_out = before;
    return inner;
}

Interpreter::Flow Interpreter::execute(const Body& body) {
    const Level level(m_state);
    for (const auto& statement : body) {
        if (m_state.failed())
            break;
        if (const Flow flow = executeOne(*statement); flow != Flow::Normal)
            return flow;
    }
    return Flow::Normal;
}

Interpreter::Flow Interpreter::executeOne(const Statement& statement) {
    m_state.atLine(statement.line);
    m_state.spend();
    switch (statement.kind) {
    case StatementKind::Data:
        write(statement.data.text());
        break;
    case StatementKind::Output:
        write(toText(m_state, evaluate(*statement.value)));
        break;
    case StatementKind::If:
        for (const Branch& branch : statement.branches)
            if (branch.condition == nullptr || evaluate(*branch.condition).truthy())
                return m_state.failed() ? Flow::Normal : execute(branch.body);
        break;
    case StatementKind::For:
        return executeFor(statement);
    case StatementKind::Set:
        executeSet(statement.target, evaluate(*statement.value));
        break;
    case StatementKind::SetBlock:
        executeSetBlock(statement);
        break;
    case StatementKind::Macro:
        assign(statement.name, Value::of(&statement));
        break;
    case StatementKind::With:
        return executeWith(statement);
    case StatementKind::Break:
        return Flow::Break;
    case StatementKind::Continue:
        return Flow::Continue;
    }
    return Flow::Normal;
}

void Interpreter::executeSet(const Target& target, const Value& value) {
    if (m_state.failed())
        return;
    if (!target.attribute.empty()) {
        const Value* object = lookUp(target.names[0]);
        return setAttribute(object != nullptr ? *object : Value(), target.attribute, value);
    }
    if (!target.unpacks)
        return assign(target.names[0], value);
    const Values items = iterate(m_state, value);
    if (items.size() != target.names.size() && !m_state.failed())
        m_state.fail(std::to_string(items.size()) + " values cannot be unpacked into " +
                     std::to_string(target.names.size()) + " names");
    for (std::size_t i = 0; i < items.size() && !m_state.failed(); ++i)
        assign(target.names[i], items[i]);
}

void Interpreter::executeSetBlock(const Statement& statement) {
    Value value = Value::string(m_state, capture(statement.body));
    if (statement.value != nullptr && !m_state.failed()) {
        m_captured = value;
        value = evaluate(*statement.value);
        m_captured = Value();
    }
    executeSet(statement.target, value);
}

Interpreter::Flow Interpreter::executeWith(const Statement& statement) {
    std::vector<Value> values; // all evaluated outside the new scope
    for (const Parameter& variable : statement.parameters)
        values.push_back(evaluate(*variable.fallback));
    m_frames.emplace_back();
    for (std::size_t i = 0; i < values.size(); ++i)
        assign(statement.parameters[i].name, std::move(values[i]));
    const Flow flow = execute(statement.body);
    m_frames.pop_back();
    return flow;
}

Interpreter::Flow Interpreter::executeFor(const Statement& statement) {
    Values items = iterate(m_state, evaluate(*statement.value));
    m_frames.emplace_back();
    if (statement.filter != nullptr) {
        Values kept;
        for (const Value& item : items) {
            if (m_state.failed())
                break;
            m_frames.back().variables.clear();
            executeSet(statement.target, item);
            if (evaluate(*statement.filter).truthy())
                kept.push_back(item);
        }
        items = std::move(kept);
    }
    const auto loop = std::make_shared<LoopObject>();
    loop->items = Value::list(m_state, std::move(items));
    const std::size_t count = m_state.failed() ? 0 : loop->items.items().size();
    Flow flow = Flow::Normal;
    for (; loop->index < count && !m_state.failed() && flow != Flow::Break; ++loop->index) {
        m_frames.back().variables.clear();
        executeSet(statement.target, loop->items.items()[loop->index]);
        assign("loop", Value::of(loop));
        flow = execute(statement.body);
    }
    m_frames.pop_back();
    if (count == 0 && !m_state.failed())
        return execute(statement.otherwise);
    return Flow::Normal;
}

// ---- calls ----

Value Interpreter::call(const Value& callee, const Arguments& arguments) {
    if (callee.is(Kind::Macro))
        return callMacro(callee.asMacro(), arguments);
    if (callee.is(Kind::Builtin))
        return callBuiltin(callee.asBuiltin(), arguments);
    m_state.fail("'" + std::string(typeName(callee)) + "' object is not callable");
    return {};
}

Value Interpreter::callMacro(const Statement& macro, const Arguments& arguments) {
    if (arguments.positional.size() > macro.parameters.size())
        m_state.fail("macro '" + macro.name + "' takes not more than " +
                     std::to_string(macro.parameters.size()) + " argument(s)");
    for (const auto& [name, value] : arguments.named) {
        bool known = false;
        for (const Parameter& parameter : macro.parameters)
            known = known || parameter.name == name;
        if (!known)
            m_state.fail("macro '" + macro.name + "' takes no keyword argument '" + name + "'");
    }
    if (m_state.failed())
        return {};
    m_frames.emplace_back();
    m_frames.back().isMacro = true;
    for (std::size_t i = 0; i < macro.parameters.size(); ++i) {
        const Parameter& parameter = macro.parameters[i];
        if (const Value* given = arguments.get(i, parameter.name))
            assign(parameter.name, *given);
        else
            assign(parameter.name,
                   parameter.fallback != nullptr ? evaluate(*parameter.fallback) : Value());
    }
    Text text = capture(macro.body);
    m_frames.pop_back();
    return Value::string(m_state, std::move(text));
}

Value Interpreter::makeRange(const Arguments& arguments) {
    std::int64_t bounds[3] = {0, 0, 1};
    const std::size_t count = arguments.positional.size();
    if (count < 1 || count > 3)
        m_state.fail("range takes one to three numbers");
    for (std::size_t i = 0; i < count && !m_state.failed(); ++i) {
        const Value& value = arguments.positional[i];
        if (value.is(Kind::Integer) || value.is(Kind::Boolean))
            bounds[count == 1 ? 1 : i] = value.asInteger();
        else
            m_state.fail("range takes integers, not " + std::string(typeName(value)));
    }
    const auto [from, to, step] = bounds;
    if (step == 0)
        m_state.fail("range() arg 3 must not be zero");
    Values items;
    for (std::int64_t i = from; !m_state.failed() && (step > 0 ? i < to : i > to);) {
        if (static_cast<std::int64_t>(items.size()) >= kMaxRange)
            m_state.exceed("numbers in a range", static_cast<std::size_t>(kMaxRange));
        m_state.spend();
        items.push_back(Value::integer(i));
        if (__builtin_add_overflow(i, step, &i))
            break;
    }
    return Value::list(m_state, std::move(items));
}

Value Interpreter::makeNamespace(const Arguments& arguments) {
    if (!m_state.reserve(sizeof(NamespaceObject)))
        return {};
    m_namespaces.push_back(std::make_unique<NamespaceObject>());
    m_namespaces.back()->charge = Charge(&m_state, sizeof(NamespaceObject));
    const Value value = Value::of(m_namespaces.back().get());
    for (const Value& given : arguments.positional)
        if (given.is(Kind::Dict))
            for (const auto& [key, item] : given.entries())
                setAttribute(value, key.text().bytes(), item);
    for (const auto& [name, item] : arguments.named)
        setAttribute(value, name, item);
    return value;
}

Value Interpreter::callBuiltin(Builtin builtin, const Arguments& arguments) {
    switch (builtin) {
    case Builtin::Range:
        return makeRange(arguments);
    case Builtin::Namespace:
        return makeNamespace(arguments);
    case Builtin::Dict: {
        Entries entries;
        if (const Value* first = arguments.get(0, ""); first != nullptr && first->is(Kind::Dict))
            entries = first->entries();
        for (const auto& [name, value] : arguments.named)
            entries.emplace_back(Value::literal(Text::fromTemplate(name)), value);
        return Value::dict(m_state, std::move(entries));
    }
    case Builtin::RaiseException: {
        const Value* message = arguments.get(0, "message");
        m_state.refuse(message != nullptr ? toText(m_state, *message).bytes() : "no reason given");
        return {};
    }
    case Builtin::StrftimeNow: {
        const Value* format = arguments.get(0, "format");
        if (format == nullptr || !format->is(Kind::String)) {
            m_state.fail("strftime_now takes a format");
            return {};
        }
        return Value::string(m_state, Text::fromTemplate(formatNow(format->text().bytes())));
    }
    }
    return {};
}

} // namespace engine::jinja
