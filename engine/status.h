#pragma once
// Status and Result<T>: how every floor reports that something did not work.
//
// A Status is a value: a code, named arguments, and the English sentence made from both. The
// sentence names what failed (file, field, figure) and what the user can do. Upper floors translate
// by code (app/messages); nothing below the command line ever prints. Thread-safe as any value is.

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace engine {

/// Every reason the engine can give. The list and the English templates live in status_codes.inc.
enum class Code {
#define STATUS(name, sentence) name,
#include "engine/status_codes.inc"
#undef STATUS
};

/// One named argument of a sentence: {file}, {field}, {need_bytes} ...
struct StatusArgument {
    std::string name;
    std::string value;
};

class [[nodiscard]] Status {
  public:
    Status() = default; ///< OK
    explicit Status(Code code, std::initializer_list<StatusArgument> arguments = {})
        : m_code(code), m_arguments(arguments) {}

    bool ok() const { return m_code == Code::Ok; }
    explicit operator bool() const { return ok(); }
    Code code() const { return m_code; }
    const std::vector<StatusArgument>& arguments() const { return m_arguments; }

    /// Adds or replaces an argument: a caller that knows the file name fills it in on the way up.
    Status&& with(std::string name, std::string value) &&;

    /// The English sentence, arguments filled in. Control characters in arguments are escaped.
    std::string sentence() const;

    bool operator==(Code code) const { return m_code == code; }

  private:
    Code m_code = Code::Ok;
    std::vector<StatusArgument> m_arguments;
};

/// The English template of a code, with {placeholders}. Also the translation key.
std::string_view sentenceTemplate(Code code);
/// The name of a code as written in status_codes.inc, for logs and tests.
std::string_view codeName(Code code);
/// How many codes exist; a test walks all of them.
int codeCount();
/// Fills {name} placeholders of any template (a translated one too) from the arguments.
std::string fillTemplate(std::string_view sentence, const std::vector<StatusArgument>& arguments);
/// Makes a string safe to print or log: control and bidi characters become visible escapes.
std::string escapeForDisplay(std::string_view text);

/// A value or the Status that says why there is none.
template<typename T>
class [[nodiscard]] Result {
  public:
    Result(T value) : m_state(std::move(value)) {}        // NOLINT: implicit on purpose
    Result(Status status) : m_state(std::move(status)) {} // NOLINT: implicit on purpose

    bool ok() const { return std::holds_alternative<T>(m_state); }
    explicit operator bool() const { return ok(); }
    T& value() & { return *std::get_if<T>(&m_state); }
    const T& value() const& { return *std::get_if<T>(&m_state); }
    T&& value() && { return std::move(*std::get_if<T>(&m_state)); }
    T* operator->() { return std::get_if<T>(&m_state); }
    const T* operator->() const { return std::get_if<T>(&m_state); }
    T& operator*() & { return *std::get_if<T>(&m_state); }
    const T& operator*() const& { return *std::get_if<T>(&m_state); }
    T&& operator*() && { return std::move(*std::get_if<T>(&m_state)); }
    /// OK when there is a value.
    Status status() const {
        const Status* status = std::get_if<Status>(&m_state);
        return status != nullptr ? *status : Status();
    }

  private:
    std::variant<T, Status> m_state;
};

} // namespace engine

/// Returns early with the Status of an expression that failed.
#define INGLENOOK_TRY(expression)                                                                  \
    do {                                                                                           \
        if (::engine::Status inglenookStatus = (expression); !inglenookStatus.ok())                \
            return inglenookStatus;                                                                \
    } while (false)
