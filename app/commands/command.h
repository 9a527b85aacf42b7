#pragma once
// Command: one word of the command line. Exit codes: 0 done, 1 failed (one sentence on stderr),
// 2 wrong usage. With --json the last line of stdout is exactly one JSON object.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace app {

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;

struct Command {
    std::string_view name;
    std::string_view summary; ///< one line of `inglenook --help`
    int (*run)(const std::vector<std::string>& arguments);
};

/// All commands, in the order of the help.
std::span<const Command> commands();
/// nullptr when there is none of that name.
const Command* findCommand(std::string_view name);
/// The text of `inglenook --help`.
std::string generalHelp();

int runChat(const std::vector<std::string>& arguments);
int runVerify(const std::vector<std::string>& arguments);
int runBench(const std::vector<std::string>& arguments);
int runTokenize(const std::vector<std::string>& arguments);
int runQuantize(const std::vector<std::string>& arguments);
int runPerplexity(const std::vector<std::string>& arguments);
int runSynth(const std::vector<std::string>& arguments);
int runServe(const std::vector<std::string>& arguments);
int runServeBench(const std::vector<std::string>& arguments);

} // namespace app
