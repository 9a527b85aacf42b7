#pragma once
// Interpreter: walks a parsed template and writes its text. One instance a render, one thread.

#include "engine/text/jinja_ast.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace engine::jinja {

class Interpreter {
  public:
    /// The state outlives the interpreter.
    Interpreter(RenderState& state, const Template& parsed);

    void define(std::string name, Value value);
    /// The rendered text; meaningless when the state has failed.
    Text run();

  private:
    enum class Flow { Normal, Break, Continue };
    struct Frame {
        std::vector<std::pair<std::string_view, Value>> variables; // names live in the template
        bool isMacro = false; // sees itself and the outermost frame only
    };

    // statements
    Flow execute(const Body& body);
    Flow executeOne(const Statement& statement);
    Flow executeFor(const Statement& statement);
    void executeSet(const Target& target, const Value& value);
    void executeSetBlock(const Statement& statement);
    Flow executeWith(const Statement& statement);
    Text capture(const Body& body);
    void write(const Text& text);

    // expressions
    Value evaluate(const Expression& node);
    Value evaluateFilter(const Expression& node);
    Value evaluateBinary(const Expression& node);
    Value evaluateList(const Expression& node);
    Value evaluateDict(const Expression& node);
    Value evaluateSlice(const Expression& node);
    Value evaluateCompare(const Expression& node);
    Value evaluateCall(const Expression& node);
    Value evaluateTest(const Expression& node);
    Arguments evaluateArguments(const Expression& node);

    // calls
    Value call(const Value& callee, const Arguments& arguments);
    Value callMacro(const Statement& macro, const Arguments& arguments);
    Value callBuiltin(Builtin builtin, const Arguments& arguments);
    Value makeRange(const Arguments& arguments);
    Value makeNamespace(const Arguments& arguments);

    const Value* lookUp(std::string_view name) const;
    void assign(std::string_view name, Value value);
    void setAttribute(const Value& object, const std::string& name, const Value& value);

    RenderState& m_state;
    const Template& m_template;
    std::vector<std::unique_ptr<NamespaceObject>> m_namespaces;
    std::vector<std::unique_ptr<std::string>> m_names; // of define()
    std::vector<Frame> m_frames;
    Value m_captured; // what a set block's filters work on
    Text* m_out = nullptr;
};

} // namespace engine::jinja
