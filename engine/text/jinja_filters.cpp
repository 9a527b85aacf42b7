#include "engine/text/jinja_filters.h"

#include "engine/text/jinja_json.h"
#include "engine/text/jinja_operators.h"
#include "engine/text/jinja_strings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace engine::jinja {

namespace {

Value same(RenderState&, const Value& input, const Arguments&) {
    return input;
}

// ---- strings ----

Value asString(RenderState& state, const Value& input, const Arguments&) {
    return input.is(Kind::String) ? input : Value::string(state, toText(state, input));
}

// A filter that is a method of the input's text.
template<const char* name>
Value method(RenderState& state, const Value& input, const Arguments& arguments) {
    return callMethod(state, asString(state, input, {}), name, arguments);
}
constexpr char kStrip[] = "strip";
constexpr char kUpper[] = "upper";
constexpr char kLower[] = "lower";
constexpr char kCapitalize[] = "capitalize";

Value title(RenderState& state, const Value& input, const Arguments&) {
    const Text text = toText(state, input);
    return state.reserve(2 * text.cost()) ? Value::string(state, titleFiltered(text)) : Value();
}

Value replace(RenderState& state, const Value& input, const Arguments& arguments) {
    const Value* what = arguments.get(0, "old");
    const Value* by = arguments.get(1, "new");
    const Value* count = arguments.get(2, "count");
    if (what == nullptr || by == nullptr) {
        state.fail("replace takes two strings");
        return {};
    }
    const std::int64_t limit =
        count != nullptr && count->is(Kind::Integer) ? count->asInteger() : -1;
    return Value::string(state, replaced(state, toText(state, input), toText(state, *what).bytes(),
                                         toText(state, *by), limit));
}

Value indent(RenderState& state, const Value& input, const Arguments& arguments) {
    const Value* width = arguments.get(0, "width");
    const Value* first = arguments.get(1, "first");
    const Value* blank = arguments.get(2, "blank");
    Text step = Text::fromTemplate("    ");
    if (width != nullptr && width->is(Kind::String))
        step = width->text();
    else if (width != nullptr && width->is(Kind::Integer))
        step = Text::fromTemplate(std::string(
            static_cast<std::size_t>(std::clamp<std::int64_t>(width->asInteger(), 0, 1000)), ' '));
    const Text text = toText(state, input);
    Text out;
    for (std::size_t from = 0; from <= text.size() && !state.failed();) {
        const std::size_t end = std::min(text.bytes().find('\n', from), text.size());
        const bool steps = from == 0 ? first != nullptr && first->truthy()
                                     : end > from || (blank != nullptr && blank->truthy());
        if (!state.spendBytes(end - from) || !state.reserve(out.cost() + step.size() + end - from))
            break;
        if (steps)
            out.append(step);
        out.append(text, from, std::min(end + 1, text.size()));
        from = end + 1;
    }
    return Value::string(state, std::move(out));
}

Value toJsonFilter(RenderState& state, const Value& input, const Arguments& arguments) {
    JsonStyle style;
    const auto flag = [&](std::size_t position, std::string_view name) {
        const Value* value = arguments.get(position, name);
        return value != nullptr && value->truthy();
    };
    style.ensureAscii = flag(0, "ensure_ascii");
    style.sortKeys = flag(3, "sort_keys");
    if (const Value* width = arguments.get(1, "indent"); width != nullptr) {
        style.pretty = width->is(Kind::Integer) || width->is(Kind::String);
        if (width->is(Kind::Integer))
            style.indent.assign(
                static_cast<std::size_t>(std::clamp<std::int64_t>(width->asInteger(), 0, 64)), ' ');
        else if (width->is(Kind::String))
            style.indent = width->text().bytes();
    }
    if (style.pretty)
        style.itemSeparator = Text::fromTemplate(",");
    if (const Value* both = arguments.get(2, "separators");
        both != nullptr && both->is(Kind::List) && both->items().size() == 2) {
        style.itemSeparator = toText(state, both->items()[0]);
        style.keySeparator = toText(state, both->items()[1]);
    }
    return Value::string(state, toJson(state, input, style));
}

// ---- numbers ----

Value length(RenderState& state, const Value& input, const Arguments&) {
    std::size_t count = 0;
    if (input.is(Kind::String) && state.spendBytes(input.text().size()))
        count = countCharacters(input.text().bytes());
    else if (input.is(Kind::List))
        count = input.items().size();
    else if (input.is(Kind::Dict))
        count = input.entries().size();
    else if (input.is(Kind::Loop))
        count = input.asLoop().items.items().size();
    else if (!input.is(Kind::Undefined) && !input.is(Kind::String))
        state.fail("object of type '" + std::string(typeName(input)) + "' has no len()");
    return Value::integer(static_cast<std::int64_t>(count));
}

// A number as python reads it from text: white space around, sign, underscores not.
template<typename Number>
bool readNumber(const Text& text, Number& number) {
    const std::string bytes = stripped(text, Side::Both).bytes();
    const char* begin = bytes.data() + (bytes.starts_with('+') ? 1 : 0);
    const char* end = bytes.data() + bytes.size();
    const auto [stop, error] = std::from_chars(begin, end, number);
    return error == std::errc() && stop == end && begin != end;
}

Value toInteger(RenderState&, const Value& input, const Arguments& arguments) {
    const Value* fallback = arguments.get(0, "default");
    std::int64_t whole = 0;
    double number = 0;
    if (input.is(Kind::Integer) || input.is(Kind::Boolean))
        return Value::integer(input.asInteger());
    if (input.is(Kind::String) && readNumber(input.text(), whole))
        return Value::integer(whole);
    const bool read =
        input.is(Kind::Float) || (input.is(Kind::String) && readNumber(input.text(), number));
    if (input.is(Kind::Float))
        number = input.asDouble();
    if (read && std::abs(number) < 9e18)
        return Value::integer(static_cast<std::int64_t>(number));
    return fallback != nullptr ? *fallback : Value::integer(0);
}

Value toFloat(RenderState&, const Value& input, const Arguments& arguments) {
    const Value* fallback = arguments.get(0, "default");
    double number = 0;
    if (input.isNumber())
        return Value::number(input.asDouble());
    if (input.is(Kind::String) && readNumber(input.text(), number))
        return Value::number(number);
    return fallback != nullptr ? *fallback : Value::number(0);
}

Value absolute(RenderState& state, const Value& input, const Arguments&) {
    const bool negative = input.isNumber() && input.asDouble() < 0;
    return negative ? applyUnary(state, Operator::Subtract, input)
                    : applyUnary(state, Operator::Add, input);
}

Value sum(RenderState& state, const Value& input, const Arguments& arguments) {
    const Value* start = arguments.get(1, "start");
    Value total = start != nullptr ? *start : Value::integer(0);
    for (const Value& item : iterate(state, input))
        total = applyBinary(state, Operator::Add, total, item);
    return total;
}

// ---- choices ----

Value fallbackFor(RenderState& state, const Value& input, const Arguments& arguments) {
    const Value* fallback = arguments.get(0, "default_value");
    const Value* falsyToo = arguments.get(1, "boolean");
    const bool missing =
        input.is(Kind::Undefined) || (falsyToo != nullptr && falsyToo->truthy() && !input.truthy());
    if (!missing)
        return input;
    return fallback != nullptr ? *fallback : Value::string(state, {});
}

template<bool last>
Value endOf(RenderState& state, const Value& input, const Arguments&) {
    if (input.is(Kind::List) || input.is(Kind::String))
        return itemOf(state, input, Value::integer(last ? -1 : 0));
    const Values items = iterate(state, input);
    return items.empty() ? Value() : last ? items.back() : items.front();
}

template<bool greatest>
Value extreme(RenderState& state, const Value& input, const Arguments&) {
    const Values items = iterate(state, input);
    Value best = items.empty() ? Value() : items.front();
    for (const Value& item : items)
        if (greatest ? less(state, best, item) : less(state, item, best))
            best = item;
    return best;
}

// ---- sequences ----

Value toList(RenderState& state, const Value& input, const Arguments&) {
    return Value::list(state, iterate(state, input));
}

Value reversed(RenderState& state, const Value& input, const Arguments&) {
    if (input.is(Kind::String)) {
        const Value back = Value::integer(-1);
        return sliceOf(state, input, nullptr, nullptr, &back);
    }
    Values items = iterate(state, input);
    std::reverse(items.begin(), items.end());
    return Value::list(state, std::move(items));
}

Value unique(RenderState& state, const Value& input, const Arguments&) {
    Values kept;
    for (const Value& item : iterate(state, input)) {
        const bool known = std::any_of(kept.begin(), kept.end(), [&](const Value& other) {
            return equal(state, other, item);
        });
        if (!known)
            kept.push_back(item);
    }
    return Value::list(state, std::move(kept));
}

Value items(RenderState& state, const Value& input, const Arguments&) {
    if (input.is(Kind::Undefined))
        return Value::list(state, {});
    if (input.is(Kind::Dict))
        return callMethod(state, input, "items", {});
    state.fail("items asks for a mapping, not " + std::string(typeName(input)));
    return {};
}

// attribute "a.b" or index of an item.
Value reach(RenderState& state, Value value, const Value& path) {
    if (!path.is(Kind::String))
        return itemOf(state, value, path);
    std::string_view rest = path.text().bytes();
    while (!rest.empty() && !state.failed()) {
        const std::string_view part = rest.substr(0, rest.find('.'));
        rest.remove_prefix(std::min(rest.size(), part.size() + 1));
        std::int64_t index = 0;
        const auto read = std::from_chars(part.data(), part.data() + part.size(), index);
        if (read.ec == std::errc() && read.ptr == part.data() + part.size())
            value = itemOf(state, value, Value::integer(index));
        else
            value = attributeOf(state, value, part);
    }
    return value;
}

// Insertion sort would be quadratic; std::sort would trust an order that a failed comparison
// breaks. A stable merge sort needs neither.
Value sorted(RenderState& state, const Value& input, const Arguments& arguments) {
    const Value* reverse = arguments.get(0, "reverse");
    const Value* caseSensitive = arguments.get(1, "case_sensitive");
    const Value* attribute = arguments.get(2, "attribute");
    const bool folds = caseSensitive == nullptr || !caseSensitive->truthy();
    std::vector<std::pair<Value, Value>> keyed;
    for (const Value& item : iterate(state, input)) {
        Value key = attribute != nullptr && !attribute->is(Kind::None)
                        ? reach(state, item, *attribute)
                        : item;
        if (folds && key.is(Kind::String))
            key = callMethod(state, key, "lower", {});
        keyed.emplace_back(std::move(key), item);
    }
    const bool down = reverse != nullptr && reverse->truthy();
    std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
        return down ? less(state, b.first, a.first) : less(state, a.first, b.first);
    });
    Values out;
    for (auto& [key, item] : keyed)
        out.push_back(std::move(item));
    return Value::list(state, std::move(out));
}

Value dictSorted(RenderState& state, const Value& input, const Arguments&) {
    return sorted(state, items(state, input, {}), {});
}

Value join(RenderState& state, const Value& input, const Arguments& arguments) {
    const Value* separator = arguments.get(0, "d");
    const Value* attribute = arguments.get(1, "attribute");
    Values parts = iterate(state, input);
    if (attribute != nullptr)
        for (Value& part : parts)
            part = reach(state, part, *attribute);
    const Text between = separator != nullptr ? toText(state, *separator) : Text();
    return Value::string(state, joined(state, between, parts));
}

Value map(RenderState& state, const Value& input, const Arguments& arguments) {
    const Value* attribute = nullptr;
    const Value* fallback = nullptr;
    for (const auto& [name, value] : arguments.named) {
        attribute = name == "attribute" ? &value : attribute;
        fallback = name == "default" ? &value : fallback;
    }
    FilterFunction filter = nullptr;
    Arguments rest;
    if (attribute == nullptr) {
        const Value* name = arguments.get(0, "");
        filter = name != nullptr ? findFilter(name->text().bytes()) : nullptr;
        if (filter == nullptr) {
            state.fail("map asks for a filter that is known, or attribute=");
            return {};
        }
        rest.positional.assign(arguments.positional.begin() + 1, arguments.positional.end());
        rest.named = arguments.named;
    }
    const Level level(state); // map('map', ...) nests
    Values out;
    for (const Value& item : iterate(state, input)) {
        if (state.failed())
            break;
        Value value =
            filter != nullptr ? filter(state, item, rest) : reach(state, item, *attribute);
        if (value.is(Kind::Undefined) && fallback != nullptr)
            value = *fallback;
        out.push_back(std::move(value));
    }
    return Value::list(state, std::move(out));
}

// select, reject, selectattr, rejectattr.
template<bool keeps, bool byAttribute>
Value selected(RenderState& state, const Value& input, const Arguments& arguments) {
    const std::size_t skipped = byAttribute ? 1 : 0;
    if (arguments.positional.size() < skipped) {
        state.fail("selectattr and rejectattr ask for an attribute");
        return {};
    }
    TestFunction test = nullptr;
    Arguments rest;
    if (arguments.positional.size() > skipped) {
        test = findTest(arguments.positional[skipped].text().bytes());
        rest.positional.assign(arguments.positional.begin() +
                                   static_cast<std::ptrdiff_t>(skipped + 1),
                               arguments.positional.end());
        if (test == nullptr)
            state.fail("the test '" + arguments.positional[skipped].text().bytes() +
                       "' is not known");
    }
    Values out;
    for (const Value& item : iterate(state, input)) {
        if (!state.spend())
            break;
        const Value subject = byAttribute ? reach(state, item, arguments.positional[0]) : item;
        const bool holds = test != nullptr ? test(state, subject, rest) : subject.truthy();
        if (holds == keeps)
            out.push_back(item);
    }
    return Value::list(state, std::move(out));
}

constexpr std::array<std::pair<std::string_view, FilterFunction>, 34> kFilters = {{
    {"trim", method<kStrip>},
    {"upper", method<kUpper>},
    {"lower", method<kLower>},
    {"capitalize", method<kCapitalize>},
    {"title", title},
    {"replace", replace},
    {"indent", indent},
    {"string", asString},
    {"safe", same},
    {"tojson", toJsonFilter},
    {"length", length},
    {"count", length},
    {"int", toInteger},
    {"float", toFloat},
    {"abs", absolute},
    {"sum", sum},
    {"default", fallbackFor},
    {"d", fallbackFor},
    {"first", endOf<false>},
    {"last", endOf<true>},
    {"min", extreme<false>},
    {"max", extreme<true>},
    {"list", toList},
    {"reverse", reversed},
    {"unique", unique},
    {"items", items},
    {"sort", sorted},
    {"dictsort", dictSorted},
    {"join", join},
    {"map", map},
    {"select", selected<true, false>},
    {"reject", selected<false, false>},
    {"selectattr", selected<true, true>},
    {"rejectattr", selected<false, true>},
}};

} // namespace

FilterFunction findFilter(std::string_view name) {
    for (const auto& [known, filter] : kFilters)
        if (known == name)
            return filter;
    return nullptr;
}

} // namespace engine::jinja
