#pragma once
// The parsed template: expressions and statements. Immutable after parsing, shared by renders.

#include "engine/text/jinja_filters.h"
#include "engine/text/jinja_value.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace engine::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

enum class ExpressionKind {
    Constant,
    Captured, // the text of the block that a set block's filters work on
    Name,
    List,
    Tuple,
    Dict,      // children: key, value, key, value ...
    Attribute, // children[0] . name
    Subscript, // children[0] [ children[1] ]
    Slice,     // children[0] [ 1 : 2 : 3 ], null where absent
    Call,      // children[0] ( 1 ..., named )
    Filter,    // children[0] | name ( 1 ..., named )
    Test,      // children[0] is name ( 1 ... )
    Not,
    And,
    Or,
    Unary,      // operators[0]
    Binary,     // operators[0]
    Compare,    // children[0] operators[0] children[1] operators[1] children[2] ...
    Conditional // children[1] if children[0] else children[2] (may be null)
};

enum class Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Modulo,
    Power,
    Concat,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    NotIn
};

struct Expression {
    ExpressionKind kind = ExpressionKind::Constant;
    int line = 1;
    int depth = 1; // of the tree below, bounded by the parser
    Value constant;
    std::string name;
    std::vector<Operator> operators;
    std::vector<ExpressionPtr> children;
    std::vector<std::pair<std::string, ExpressionPtr>> named;
    FilterFunction filter = nullptr;
    TestFunction test = nullptr;
};

struct Statement;
using Body = std::vector<std::unique_ptr<Statement>>;

enum class StatementKind { Data, Output, If, For, Set, SetBlock, Macro, With, Break, Continue };

/// What a value is assigned to: a name, several (unpacking), or an attribute of a namespace.
struct Target {
    std::vector<std::string> names;
    bool unpacks = false;
    std::string attribute; // names[0] . attribute
};

struct Branch {
    ExpressionPtr condition; // null: else
    Body body;
};

struct Parameter {
    std::string name;
    ExpressionPtr fallback; // null: none
};

struct Statement {
    StatementKind kind = StatementKind::Data;
    int line = 1;
    Value data;           // Data
    ExpressionPtr value;  // Output, Set; For: what is walked over; SetBlock: filters, may be null
    ExpressionPtr filter; // For ... if
    Target target;        // Set, SetBlock, For
    std::vector<Branch> branches;      // If
    Body body;                         // For, SetBlock, Macro, With
    Body otherwise;                    // For ... else
    std::string name;                  // Macro
    std::vector<Parameter> parameters; // Macro, With
};

struct Template {
    std::string source; // as given
    Body body;
};

} // namespace engine::jinja
