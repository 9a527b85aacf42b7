#include "app/commands/option_parser.h"

#include "app/commands/command.h"
#include "app/commands/output.h"

#include <algorithm>
#include <charconv>

namespace app {

namespace {

template<typename T>
bool parseWhole(const std::string& text, T& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
}

/// "0.6" rather than "0.600000".
std::string shown(double value) {
    char buffer[32];
    const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
    return error == std::errc() ? std::string(buffer, end) : std::string("?");
}

} // namespace

void OptionParser::value(const char* name, const char* valueName, const char* help,
                         std::function<std::string(const std::string&)> take) {
    m_options.push_back({std::string("--") + name, valueName, help, std::move(take)});
}

void OptionParser::flag(const char* name, bool* target, const char* help) {
    value(name, "", help, [target](const std::string&) {
        *target = true;
        return std::string();
    });
}

void OptionParser::text(const char* name, std::string* target, const char* valueName,
                        const char* help) {
    value(name, valueName, help, [target](const std::string& text) {
        *target = text;
        return text.empty() ? std::string("a value") : std::string();
    });
}

void OptionParser::text(const char* name, std::optional<std::string>* target, const char* valueName,
                        const char* help) {
    value(name, valueName, help, [target](const std::string& text) {
        *target = text;
        return std::string();
    });
}

void OptionParser::integer(const char* name, std::uint32_t* target, std::uint32_t least,
                           std::uint32_t most, const char* help) {
    value(name, "N", help, [=](const std::string& text) {
        std::uint32_t number = 0;
        if (!parseWhole(text, number) || number < least || number > most)
            return "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
        *target = number;
        return std::string();
    });
}

void OptionParser::integer(const char* name, std::optional<std::uint64_t>* target,
                           const char* help) {
    value(name, "N", help, [target](const std::string& text) {
        std::uint64_t number = 0;
        if (!parseWhole(text, number))
            return std::string("a whole number from 0");
        *target = number;
        return std::string();
    });
}

void OptionParser::real(const char* name, std::optional<double>* target, double least, double most,
                        const char* help) {
    value(name, "X", help, [=](const std::string& text) {
        double number = 0;
        if (!parseWhole(text, number) || !(number >= least && number <= most))
            return "a number from " + shown(least) + " to " + shown(most);
        *target = number;
        return std::string();
    });
}

void OptionParser::positional(const char* name, std::string* target) {
    m_positionals.push_back({name, target});
}

bool OptionParser::parse(const std::vector<std::string>& arguments) {
    if (std::find(arguments.begin(), arguments.end(), "--help") != arguments.end()) {
        print(help());
        m_exitCode = kDone;
        return false;
    }
    const std::string wrong = takeAll(arguments);
    if (wrong.empty())
        return true;
    m_exitCode = refuse(wrong);
    return false;
}

std::string OptionParser::takeAll(const std::vector<std::string>& arguments) {
    std::size_t positionals = 0;
    for (std::size_t at = 0; at < arguments.size(); ++at) {
        const std::string& argument = arguments[at];
        if (!argument.starts_with("--")) {
            if (positionals >= m_positionals.size())
                return "\"" + argument + "\" is one argument too many.";
            *m_positionals[positionals++].target = argument;
            continue;
        }
        const std::size_t equals = argument.find('=');
        const std::string name = argument.substr(0, equals);
        const auto option = std::find_if(m_options.begin(), m_options.end(),
                                         [&](const Option& o) { return o.name == name; });
        if (option == m_options.end())
            return "There is no option " + name + ".";
        if (std::exchange(option->seen, true))
            return name + " is given twice.";
        std::string value;
        if (option->valueName.empty()) {
            if (equals != std::string::npos)
                return name + " takes no value.";
        } else if (equals != std::string::npos) {
            value = argument.substr(equals + 1);
        } else if (at + 1 < arguments.size() && !arguments[at + 1].starts_with("--")) {
            value = arguments[++at];
        } else {
            return name + " needs a value.";
        }
        if (const std::string expected = option->take(value); !expected.empty())
            return name + " cannot be \"" + value + "\": " + expected + " is expected.";
    }
    if (positionals < m_positionals.size())
        return m_positionals[positionals].name + " is missing.";
    return {};
}

int OptionParser::refuse(const std::string& sentence) const {
    complain(sentence + " Usage: inglenook " + m_usage);
    return kWrongUsage;
}

std::string OptionParser::help() const {
    std::string text = "usage: inglenook " + m_usage + "\n\n";
    for (const Option& option : m_options) {
        std::string line = "  " + option.name;
        if (!option.valueName.empty())
            line += " " + option.valueName;
        line.resize(std::max<std::size_t>(line.size() + 2, 28), ' ');
        text += line + option.help + "\n";
    }
    return text;
}

} // namespace app
