// Methods of strings, mappings and loops: value.name(arguments).
#include "engine/text/jinja_filters.h"
#include "engine/text/jinja_strings.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace engine::jinja {

namespace {

using StringMethod = Value (*)(RenderState&, const Text&, const Arguments&);

// A string argument, or null (and failed) when it is something else.
const Text* stringArgument(RenderState& state, const Arguments& arguments, std::size_t position,
                           std::string_view name) {
    const Value* value = arguments.get(position, name);
    if (value != nullptr && value->is(Kind::String))
        return &value->text();
    state.fail("a string is expected as argument " + std::to_string(position + 1));
    return nullptr;
}

std::int64_t numberArgument(const Arguments& arguments, std::size_t position, std::string_view name,
                            std::int64_t fallback) {
    const Value* value = arguments.get(position, name);
    return value != nullptr && (value->is(Kind::Integer) || value->is(Kind::Boolean))
               ? value->asInteger()
               : fallback;
}

template<Side side>
Value strip(RenderState& state, const Text& text, const Arguments& arguments) {
    const Value* characters = arguments.get(0, "chars");
    state.spendBytes(text.size());
    if (characters == nullptr || characters->is(Kind::None))
        return Value::string(state, stripped(text, side));
    const Text* set = stringArgument(state, arguments, 0, "chars");
    if (set == nullptr || !state.spend(text.size() / 64 * set->size()))
        return {};
    return Value::string(state, stripped(text, side, &set->bytes()));
}

template<Casing casing>
Value recase(RenderState& state, const Text& text, const Arguments&) {
    if (!state.spend(text.size() / 8) || !state.reserve(2 * text.cost()))
        return {};
    return Value::string(state, recased(text, casing));
}

template<bool fromRight>
Value splitMethod(RenderState& state, const Text& text, const Arguments& arguments) {
    const Value* separator = arguments.get(0, "sep");
    const bool given = separator != nullptr && !separator->is(Kind::None);
    if (given && stringArgument(state, arguments, 0, "sep") == nullptr)
        return {};
    return Value::list(state, split(state, text, given ? &separator->text().bytes() : nullptr,
                                    numberArgument(arguments, 1, "maxsplit", -1), fromRight));
}

template<bool atEnd>
Value affix(RenderState& state, const Text& text, const Arguments& arguments) {
    const Value* value = arguments.get(0, "prefix");
    Values choices;
    if (value != nullptr && value->is(Kind::List) && value->isTuple())
        choices = value->items();
    else if (value != nullptr)
        choices.push_back(*value);
    for (const Value& choice : choices) {
        if (!choice.is(Kind::String))
            state.fail("startswith and endswith take a string or a tuple of strings");
        const std::string& part = choice.text().bytes();
        state.spendBytes(part.size());
        if (atEnd ? text.bytes().ends_with(part) : text.bytes().starts_with(part))
            return Value::boolean(true);
    }
    return Value::boolean(false);
}

Value replaceMethod(RenderState& state, const Text& text, const Arguments& arguments) {
    const Text* what = stringArgument(state, arguments, 0, "old");
    const Text* by = stringArgument(state, arguments, 1, "new");
    if (what == nullptr || by == nullptr)
        return {};
    const std::int64_t limit = numberArgument(arguments, 2, "count", -1);
    return Value::string(state, replaced(state, text, what->bytes(), *by, limit));
}

Value findMethod(RenderState& state, const Text& text, const Arguments& arguments) {
    const Text* part = stringArgument(state, arguments, 0, "sub");
    if (part == nullptr || !state.spendBytes(text.size()))
        return {};
    const std::string& bytes = text.bytes();
    const void* at = memmem(bytes.data(), bytes.size(), part->bytes().data(), part->size());
    if (at == nullptr)
        return Value::integer(-1);
    const auto offset = static_cast<std::size_t>(static_cast<const char*>(at) - bytes.data());
    return Value::integer(
        static_cast<std::int64_t>(countCharacters(std::string_view(bytes).substr(0, offset))));
}

Value countMethod(RenderState& state, const Text& text, const Arguments& arguments) {
    const Text* part = stringArgument(state, arguments, 0, "sub");
    return part != nullptr ? Value::integer(countOf(state, text, part->bytes())) : Value();
}

Value joinMethod(RenderState& state, const Text& text, const Arguments& arguments) {
    const Value* items = arguments.get(0, "iterable");
    const Values parts = items != nullptr ? iterate(state, *items) : Values();
    for (const Value& part : parts)
        if (!part.is(Kind::String))
            state.fail("join takes strings, not " + std::string(typeName(part)));
    return Value::string(state, joined(state, text, parts));
}

Value splitLinesMethod(RenderState& state, const Text& text, const Arguments& arguments) {
    const Value* keeps = arguments.get(0, "keepends");
    return Value::list(state, splitLines(state, text, keeps != nullptr && keeps->truthy()));
}

template<bool (*holds)(char)>
Value everyByte(RenderState& state, const Text& text, const Arguments&) {
    state.spendBytes(text.size());
    return Value::boolean(!text.empty() && std::all_of(text.bytes().begin(), text.bytes().end(),
                                                       [](char c) { return holds(c); }));
}

bool isDigitByte(char c) {
    return c >= '0' && c <= '9';
}

bool isSpaceByte(char c) {
    return isSpace(static_cast<unsigned char>(c)) && static_cast<unsigned char>(c) < 0x80;
}

constexpr std::array<std::pair<std::string_view, StringMethod>, 19> kStringMethods = {{
    {"strip", strip<Side::Both>},
    {"lstrip", strip<Side::Left>},
    {"rstrip", strip<Side::Right>},
    {"split", splitMethod<false>},
    {"rsplit", splitMethod<true>},
    {"splitlines", splitLinesMethod},
    {"startswith", affix<false>},
    {"endswith", affix<true>},
    {"replace", replaceMethod},
    {"upper", recase<Casing::Upper>},
    {"lower", recase<Casing::Lower>},
    {"title", recase<Casing::Title>},
    {"capitalize", recase<Casing::Capitalize>},
    {"find", findMethod},
    {"count", countMethod},
    {"join", joinMethod},
    {"isdigit", everyByte<isDigitByte>},
    {"isnumeric", everyByte<isDigitByte>},
    {"isspace", everyByte<isSpaceByte>},
}};

StringMethod findStringMethod(std::string_view name) {
    for (const auto& [known, method] : kStringMethods)
        if (known == name)
            return method;
    return nullptr;
}

Value callDictMethod(RenderState& state, const Value& object, std::string_view name,
                     const Arguments& arguments) {
    const Entries& entries = object.entries();
    if (name == "get") {
        const Value* key = arguments.get(0, "key");
        const Value* fallback = arguments.get(1, "default");
        for (const auto& [known, value] : entries)
            if (key != nullptr && equal(state, known, *key))
                return value;
        return fallback != nullptr ? *fallback : Value::none();
    }
    Values items;
    for (const auto& [key, value] : entries) {
        if (!state.spend())
            break;
        items.push_back(name == "keys"     ? key
                        : name == "values" ? value
                                           : Value::list(state, {key, value}, true));
    }
    return Value::list(state, std::move(items));
}

} // namespace

const Value* Arguments::get(std::size_t position, std::string_view name) const {
    if (position < positional.size())
        return &positional[position];
    for (const auto& [known, value] : named)
        if (known == name)
            return &value;
    return nullptr;
}

bool hasMethod(const Value& object, std::string_view name) {
    if (object.is(Kind::String))
        return findStringMethod(name) != nullptr;
    if (object.is(Kind::Dict))
        return name == "get" || name == "keys" || name == "values" || name == "items";
    return object.is(Kind::Loop) && name == "cycle";
}

Value callMethod(RenderState& state, const Value& object, std::string_view name,
                 const Arguments& arguments) {
    if (object.is(Kind::String))
        return findStringMethod(name)(state, object.text(), arguments);
    if (object.is(Kind::Dict))
        return callDictMethod(state, object, name, arguments);
    if (arguments.positional.empty())
        state.fail("cycle takes at least one value");
    return state.failed()
               ? Value()
               : arguments.positional[object.asLoop().index % arguments.positional.size()];
}

} // namespace engine::jinja
