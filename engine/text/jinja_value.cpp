#include "engine/text/jinja_value.h"

#include "engine/text/jinja_json.h"

#include <algorithm>
#include <cstring>

namespace engine::jinja {

namespace {

const Text kEmptyText;

} // namespace

Value Value::literal(Text text) {
    auto object = std::make_shared<StringObject>();
    object->text = std::move(text);
    return Value(Data(std::shared_ptr<const StringObject>(std::move(object))));
}

Value Value::string(RenderState& state, Text text) {
    const std::size_t bytes = text.cost() + sizeof(StringObject) + 16;
    if (!state.spendBytes(text.cost()) || !state.reserve(bytes))
        return {};
    auto object = std::make_shared<StringObject>();
    object->text = std::move(text);
    object->charge = Charge(&state, bytes);
    return Value(Data(std::shared_ptr<const StringObject>(std::move(object))));
}

Value Value::list(RenderState& state, Values items, bool isTuple) {
    const std::size_t bytes = items.capacity() * sizeof(Value) + sizeof(ListObject) + 16;
    int depth = 1;
    for (const Value& item : items)
        depth = std::max(depth, 1 + item.depth());
    if (depth > kMaxValueDepth)
        state.fail("lists are nested more than " + std::to_string(kMaxValueDepth) + " deep");
    if (!state.spendBytes(bytes) || !state.reserve(bytes))
        return {};
    auto object = std::make_shared<ListObject>();
    object->items = std::move(items);
    object->depth = depth;
    object->isTuple = isTuple;
    object->charge = Charge(&state, bytes);
    return Value(Data(std::shared_ptr<const ListObject>(std::move(object))));
}

Value Value::dict(RenderState& state, Entries entries) {
    const std::size_t bytes =
        entries.capacity() * sizeof(Entries::value_type) + sizeof(DictObject) + 16;
    int depth = 1;
    for (const auto& [key, value] : entries)
        depth = std::max({depth, 1 + key.depth(), 1 + value.depth()});
    if (depth > kMaxValueDepth)
        state.fail("mappings are nested more than " + std::to_string(kMaxValueDepth) + " deep");
    if (!state.spendBytes(bytes) || !state.reserve(bytes))
        return {};
    auto object = std::make_shared<DictObject>();
    object->entries = std::move(entries);
    object->depth = depth;
    object->charge = Charge(&state, bytes);
    return Value(Data(std::shared_ptr<const DictObject>(std::move(object))));
}

std::int64_t Value::asInteger() const {
    if (const bool* value = std::get_if<bool>(&m_data))
        return *value ? 1 : 0;
    return *std::get_if<std::int64_t>(&m_data);
}

double Value::asDouble() const {
    if (const double* value = std::get_if<double>(&m_data))
        return *value;
    return static_cast<double>(asInteger());
}

const Text& Value::text() const {
    const auto* object = std::get_if<std::shared_ptr<const StringObject>>(&m_data);
    return object != nullptr ? (*object)->text : kEmptyText;
}

const Values& Value::items() const {
    return (*std::get_if<std::shared_ptr<const ListObject>>(&m_data))->items;
}

bool Value::isTuple() const {
    const auto* object = std::get_if<std::shared_ptr<const ListObject>>(&m_data);
    return object != nullptr && (*object)->isTuple;
}

const Entries& Value::entries() const {
    return (*std::get_if<std::shared_ptr<const DictObject>>(&m_data))->entries;
}

bool Value::truthy() const {
    switch (kind()) {
    case Kind::Undefined:
    case Kind::None:
        return false;
    case Kind::Boolean:
        return asBoolean();
    case Kind::Integer:
        return asInteger() != 0;
    case Kind::Float:
        return asDouble() != 0;
    case Kind::String:
        return !text().empty();
    case Kind::List:
        return !items().empty();
    case Kind::Dict:
        return !entries().empty();
    default:
        return true;
    }
}

int Value::depth() const {
    if (const auto* list = std::get_if<std::shared_ptr<const ListObject>>(&m_data))
        return (*list)->depth;
    if (const auto* dict = std::get_if<std::shared_ptr<const DictObject>>(&m_data))
        return (*dict)->depth;
    // A loop keeps the list that it walks over alive.
    return is(Kind::Loop) ? 1 + asLoop().items.depth() : 0;
}

const Value* Value::find(std::string_view key) const {
    for (const auto& [name, value] : entries())
        if (name.is(Kind::String) && name.text().bytes() == key)
            return &value;
    return nullptr;
}

std::string_view typeName(const Value& value) {
    switch (value.kind()) {
    case Kind::Undefined:
        return "Undefined";
    case Kind::None:
        return "NoneType";
    case Kind::Boolean:
        return "bool";
    case Kind::Integer:
        return "int";
    case Kind::Float:
        return "float";
    case Kind::String:
        return "str";
    case Kind::List:
        return value.isTuple() ? "tuple" : "list";
    case Kind::Dict:
        return "dict";
    case Kind::Namespace:
        return "Namespace";
    case Kind::Loop:
        return "LoopContext";
    case Kind::Macro:
        return "Macro";
    case Kind::Builtin:
        return "function";
    }
    return "object";
}

bool equal(RenderState& state, const Value& a, const Value& b) {
    if (!state.spend())
        return false;
    if (a.isNumber() && b.isNumber()) {
        if (a.is(Kind::Float) || b.is(Kind::Float))
            return a.asDouble() == b.asDouble();
        return a.asInteger() == b.asInteger();
    }
    if (a.kind() != b.kind())
        return false;
    switch (a.kind()) {
    case Kind::String:
        return state.spendBytes(std::min(a.text().size(), b.text().size())) &&
               a.text().bytes() == b.text().bytes();
    case Kind::List:
        return a.isTuple() == b.isTuple() && a.items().size() == b.items().size() &&
               std::equal(a.items().begin(), a.items().end(), b.items().begin(),
                          [&](const Value& x, const Value& y) { return equal(state, x, y); });
    case Kind::Dict:
        if (a.entries().size() != b.entries().size())
            return false;
        for (const auto& [key, value] : a.entries()) {
            bool found = false;
            for (const auto& [otherKey, otherValue] : b.entries())
                found = found || (equal(state, key, otherKey) && equal(state, value, otherValue));
            if (!found)
                return false;
        }
        return true;
    case Kind::Namespace:
        return &a.asNamespace() == &b.asNamespace();
    case Kind::Loop:
        return &a.asLoop() == &b.asLoop();
    case Kind::Macro:
        return &a.asMacro() == &b.asMacro();
    case Kind::Builtin:
        return a.asBuiltin() == b.asBuiltin();
    default:
        return true; // none, undefined
    }
}

bool less(RenderState& state, const Value& a, const Value& b) {
    if (!state.spend())
        return false;
    if (a.isNumber() && b.isNumber()) {
        if (a.is(Kind::Float) || b.is(Kind::Float))
            return a.asDouble() < b.asDouble();
        return a.asInteger() < b.asInteger();
    }
    if (a.is(Kind::String) && b.is(Kind::String)) // UTF-8 sorts as code points do
        return state.spendBytes(std::min(a.text().size(), b.text().size())) &&
               a.text().bytes() < b.text().bytes();
    if (a.is(Kind::List) && b.is(Kind::List) && a.isTuple() == b.isTuple()) {
        const std::size_t common = std::min(a.items().size(), b.items().size());
        for (std::size_t i = 0; i < common && !state.failed(); ++i)
            if (!equal(state, a.items()[i], b.items()[i]))
                return less(state, a.items()[i], b.items()[i]);
        return a.items().size() < b.items().size();
    }
    state.fail("'<' not supported between instances of '" + std::string(typeName(a)) + "' and '" +
               std::string(typeName(b)) + "'");
    return false;
}

bool contains(RenderState& state, const Value& container, const Value& item) {
    switch (container.kind()) {
    case Kind::Undefined:
        return false;
    case Kind::String: {
        if (!item.is(Kind::String)) {
            state.fail("'in <string>' requires a string on its left, not " +
                       std::string(typeName(item)));
            return false;
        }
        const std::string& text = container.text().bytes();
        const std::string& part = item.text().bytes();
        // memmem is linear; std::string::find is not for hostile pairs.
        return state.spendBytes(text.size()) &&
               memmem(text.data(), text.size(), part.data(), part.size()) != nullptr;
    }
    case Kind::List:
        return std::any_of(container.items().begin(), container.items().end(),
                           [&](const Value& value) { return equal(state, value, item); });
    case Kind::Dict:
        return std::any_of(container.entries().begin(), container.entries().end(),
                           [&](const auto& entry) { return equal(state, entry.first, item); });
    default:
        state.fail("argument of type '" + std::string(typeName(container)) + "' is not iterable");
        return false;
    }
}

Values iterate(RenderState& state, const Value& value) {
    Values items;
    switch (value.kind()) {
    case Kind::Undefined:
        break;
    case Kind::List:
        if (state.spendBytes(value.items().size() * sizeof(Value)) &&
            state.reserve(value.items().size() * sizeof(Value)))
            items = value.items();
        break;
    case Kind::Dict:
        for (const auto& entry : value.entries())
            items.push_back(entry.first);
        state.spend(items.size());
        break;
    case Kind::String: {
        const Text& text = value.text();
        if (!state.reserve(text.size() * (sizeof(Value) + sizeof(StringObject))))
            break;
        for (std::size_t i = 0; i < text.size() && !state.failed();) {
            const std::size_t length = characterAt(text.bytes(), i).length;
            items.push_back(Value::string(state, text.slice(i, i + length)));
            i += length;
        }
        break;
    }
    default:
        state.fail("'" + std::string(typeName(value)) + "' object is not iterable");
    }
    return items;
}

Text toText(RenderState& state, const Value& value) {
    if (value.is(Kind::String))
        return state.spendBytes(value.text().size()) && state.reserve(value.text().cost())
                   ? value.text()
                   : Text();
    if (value.is(Kind::Undefined))
        return {};
    return representation(state, value);
}

} // namespace engine::jinja
