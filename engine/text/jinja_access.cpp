// What `object.name`, `object[key]` and `object[a:b:c]` give.
#include "engine/text/jinja_filters.h"

#include <algorithm>

namespace engine::jinja {

namespace {

Value loopAttribute(const LoopObject& loop, std::string_view name) {
    const Values& items = loop.items.items();
    const auto whole = [](std::size_t value) {
        return Value::integer(static_cast<std::int64_t>(value));
    };
    if (name == "index")
        return whole(loop.index + 1);
    if (name == "index0")
        return whole(loop.index);
    if (name == "revindex")
        return whole(items.size() - loop.index);
    if (name == "revindex0")
        return whole(items.size() - loop.index - 1);
    if (name == "first")
        return Value::boolean(loop.index == 0);
    if (name == "last")
        return Value::boolean(loop.index + 1 == items.size());
    if (name == "length")
        return whole(items.size());
    if (name == "depth") // of recursive loops, which this subset has not
        return Value::integer(1);
    if (name == "depth0")
        return Value::integer(0);
    if (name == "previtem" && loop.index > 0)
        return items[loop.index - 1];
    if (name == "nextitem" && loop.index + 1 < items.size())
        return items[loop.index + 1];
    return {};
}

// An index as python counts, from the end when negative; `size` when out of range.
std::size_t position(std::int64_t index, std::size_t size) {
    const auto count = static_cast<std::int64_t>(size);
    if (index < 0)
        index += count;
    return index >= 0 && index < count ? static_cast<std::size_t>(index) : size;
}

} // namespace

Value attributeOf(RenderState& state, const Value& object, std::string_view name) {
    switch (object.kind()) {
    case Kind::Undefined:
        state.fail("'" + std::string(name) + "' is asked of something undefined");
        return {};
    case Kind::Dict: {
        state.spend(object.entries().size() / 8);
        const Value* found = object.find(name);
        return found != nullptr ? *found : Value();
    }
    case Kind::Namespace:
        for (const auto& [key, value] : object.asNamespace().attributes)
            if (key == name)
                return value;
        return {};
    case Kind::Loop:
        return loopAttribute(object.asLoop(), name);
    default:
        return {};
    }
}

Value itemOf(RenderState& state, const Value& object, const Value& key) {
    const bool whole = key.is(Kind::Integer) || key.is(Kind::Boolean);
    if (object.is(Kind::Dict)) {
        for (const auto& [name, value] : object.entries())
            if (equal(state, name, key))
                return value;
        return {};
    }
    if (object.is(Kind::List) && whole) {
        const std::size_t at = position(key.asInteger(), object.items().size());
        return at < object.items().size() ? object.items()[at] : Value();
    }
    if (object.is(Kind::String) && whole) {
        const Text& text = object.text();
        if (!state.spendBytes(8 * text.size()) || !state.reserve(8 * text.size()))
            return {};
        const std::vector<std::size_t> offsets = characterOffsets(text.bytes());
        const std::size_t at = position(key.asInteger(), offsets.size() - 1);
        return at + 1 < offsets.size()
                   ? Value::string(state, text.slice(offsets[at], offsets[at + 1]))
                   : Value();
    }
    if (key.is(Kind::String))
        return attributeOf(state, object, key.text().bytes());
    if (object.is(Kind::Undefined))
        state.fail("an item is asked of something undefined");
    return {};
}

Value sliceOf(RenderState& state, const Value& object, const Value* from, const Value* to,
              const Value* step) {
    const auto given = [&](const Value* value) {
        if (value == nullptr || value->is(Kind::None))
            return false;
        if (!value->is(Kind::Integer) && !value->is(Kind::Boolean))
            state.fail("slice indices must be integers or none");
        return !state.failed();
    };
    if (!object.is(Kind::List) && !object.is(Kind::String)) {
        if (object.is(Kind::Undefined))
            state.fail("a slice is asked of something undefined");
        return {};
    }
    std::vector<std::size_t> offsets;
    if (object.is(Kind::String)) {
        if (!state.spendBytes(8 * object.text().size()) || !state.reserve(8 * object.text().size()))
            return {};
        offsets = characterOffsets(object.text().bytes());
    }
    const auto size = static_cast<std::int64_t>(object.is(Kind::String) ? offsets.size() - 1
                                                                        : object.items().size());
    const std::int64_t stride = given(step) ? step->asInteger() : 1;
    if (stride == 0)
        state.fail("slice step cannot be zero");
    // Python's clamping: to [0, size] going up, to [-1, size - 1] going down.
    const std::int64_t low = stride < 0 ? -1 : 0;
    const std::int64_t high = stride < 0 ? size - 1 : size;
    const auto clamp = [&](const Value* value, std::int64_t fallback) {
        if (!given(value))
            return fallback;
        const std::int64_t index = value->asInteger();
        return std::clamp(index < 0 && index >= -size ? index + size
                          : index < 0                 ? low
                                                      : index,
                          low, std::max(low, high));
    };
    std::int64_t at = clamp(from, stride < 0 ? high : low);
    const std::int64_t end = clamp(to, stride < 0 ? low : high);
    Text text;
    Values items;
    while (!state.failed() && (stride > 0 ? at < end : at > end)) {
        const auto index = static_cast<std::size_t>(at);
        if (object.is(Kind::List))
            items.push_back(object.items()[index]);
        else
            text.append(object.text(), offsets[index], offsets[index + 1]);
        if (!state.spend() || __builtin_add_overflow(at, stride, &at))
            break;
    }
    if (object.is(Kind::String))
        return Value::string(state, std::move(text));
    return Value::list(state, std::move(items), object.isTuple());
}

} // namespace engine::jinja
