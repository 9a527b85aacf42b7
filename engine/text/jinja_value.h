#pragma once
// Value: what a template computes with. Immutable but for namespaces; copying is cheap (shared).
// Namespaces and macros are owned by the interpreter, so that values can never form a cycle.

#include "engine/text/jinja_state.h"
#include "engine/text/jinja_text.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace engine::jinja {

class Value;
struct Statement;
using Values = std::vector<Value>;
using Entries = std::vector<std::pair<Value, Value>>;

enum class Kind { // in the order of Value's variant
    Undefined,
    None,
    Boolean,
    Integer,
    Float,
    String,
    List,
    Dict,
    Namespace,
    Loop,
    Macro,
    Builtin
};

enum class Builtin { Range, Namespace, Dict, RaiseException, StrftimeNow };

struct StringObject;
struct ListObject;
struct DictObject;
struct NamespaceObject;
struct LoopObject;

class Value {
  public:
    Value() = default; ///< undefined
    static Value none() { return Value(Data(NoneType{})); }
    static Value boolean(bool value) { return Value(Data(value)); }
    static Value integer(std::int64_t value) { return Value(Data(value)); }
    static Value number(double value) { return Value(Data(value)); }
    /// A string of the template's own text, free of charge (literals).
    static Value literal(Text text);
    static Value string(RenderState& state, Text text);
    static Value list(RenderState& state, Values items, bool isTuple = false);
    static Value dict(RenderState& state, Entries entries);
    static Value of(NamespaceObject* value) { return Value(Data(value)); }
    static Value of(std::shared_ptr<LoopObject> value) { return Value(Data(std::move(value))); }
    static Value of(const Statement* macro) { return Value(Data(macro)); }
    static Value of(Builtin value) { return Value(Data(value)); }

    Kind kind() const { return static_cast<Kind>(m_data.index()); }
    bool is(Kind kind) const { return this->kind() == kind; }
    bool isNumber() const {
        return kind() == Kind::Integer || kind() == Kind::Float || kind() == Kind::Boolean;
    }

    // Each asks for its own kind only.
    bool asBoolean() const { return *std::get_if<bool>(&m_data); }
    std::int64_t asInteger() const; // booleans too
    double asDouble() const;        // every number
    const Text& text() const;
    const Values& items() const;
    bool isTuple() const;
    const Entries& entries() const;
    NamespaceObject& asNamespace() const { return **std::get_if<NamespaceObject*>(&m_data); }
    LoopObject& asLoop() const { return **std::get_if<std::shared_ptr<LoopObject>>(&m_data); }
    const Statement& asMacro() const { return **std::get_if<const Statement*>(&m_data); }
    Builtin asBuiltin() const { return *std::get_if<Builtin>(&m_data); }

    bool truthy() const;
    int depth() const; // of lists in lists
    /// Entry of a dict, null when absent.
    const Value* find(std::string_view key) const;

  private:
    struct NoneType {};
    using Data =
        std::variant<std::monostate, NoneType, bool, std::int64_t, double,
                     std::shared_ptr<const StringObject>, std::shared_ptr<const ListObject>,
                     std::shared_ptr<const DictObject>, NamespaceObject*,
                     std::shared_ptr<LoopObject>, const Statement*, Builtin>;
    explicit Value(Data data) : m_data(std::move(data)) {}

    Data m_data;
};

struct StringObject {
    Text text;
    Charge charge;
};

struct ListObject {
    Values items;
    int depth = 1;
    bool isTuple = false;
    Charge charge;
};

struct DictObject {
    Entries entries; // in order of insertion; keys are unique
    int depth = 1;
    Charge charge;
};

struct NamespaceObject {
    std::vector<std::pair<std::string, Value>> attributes;
    Charge charge;
};

/// `loop` inside a for block.
struct LoopObject {
    Value items; // list
    std::size_t index = 0;
};

/// Python's name of a value's type, for error sentences.
std::string_view typeName(const Value& value);

/// a == b, and the order of a and b (numbers, strings, lists); an unordered pair fails the render.
bool equal(RenderState& state, const Value& a, const Value& b);
bool less(RenderState& state, const Value& a, const Value& b);
/// item in container.
bool contains(RenderState& state, const Value& container, const Value& item);

/// What a for block or `list` sees: items, keys, characters. Fails for what cannot be iterated.
Values iterate(RenderState& state, const Value& value);
/// str(value).
Text toText(RenderState& state, const Value& value);

} // namespace engine::jinja
