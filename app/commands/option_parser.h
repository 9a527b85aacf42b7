#pragma once
// OptionParser: strict command line options. A command binds its variables, parse() fills them.
// Anything unknown, doubled, missing or out of range is a sentence, and the exit code is 2.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace app {

class OptionParser {
  public:
    /// `usage` is the line after "usage: inglenook ".
    explicit OptionParser(std::string usage) : m_usage(std::move(usage)) {}

    void flag(const char* name, bool* target, const char* help);
    void text(const char* name, std::string* target, const char* valueName, const char* help);
    void text(const char* name, std::optional<std::string>* target, const char* valueName,
              const char* help);
    void integer(const char* name, std::uint32_t* target, std::uint32_t least, std::uint32_t most,
                 const char* help);
    void integer(const char* name, std::optional<std::uint64_t>* target, const char* help);
    void real(const char* name, std::optional<double>* target, double least, double most,
              const char* help);
    /// `take` answers with a sentence when the value is wrong, else with nothing.
    void value(const char* name, const char* valueName, const char* help,
               std::function<std::string(const std::string&)> take);
    /// An argument without a name, required.
    void positional(const char* name, std::string* target);

    /// Fills the variables. True to go on; else exitCode() is what to return: help was printed
    /// (0), or a sentence on stderr (2).
    bool parse(const std::vector<std::string>& arguments);
    int exitCode() const { return m_exitCode; }
    /// Prints a usage error found after parsing; returns the exit code 2.
    int refuse(const std::string& sentence) const;

  private:
    struct Option {
        std::string name;      // with its dashes
        std::string valueName; // empty: a flag
        std::string help;
        std::function<std::string(const std::string&)> take;
        bool seen = false;
    };
    struct Positional {
        std::string name;
        std::string* target;
    };

    std::string takeAll(const std::vector<std::string>& arguments);
    std::string help() const;

    std::string m_usage;
    std::vector<Option> m_options;
    std::vector<Positional> m_positionals;
    int m_exitCode = 0;
};

} // namespace app
