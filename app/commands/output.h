#pragma once
// What commands write: results to stdout, sentences and progress to stderr.

#include "engine/status.h"

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace app {

/// To stdout, flushed: a reader of a pipe sees every token when it comes.
void print(std::string_view text);
/// One JSON object on a line of its own. Numbers that are not finite become null.
void printJson(const nlohmann::ordered_json& object);
/// One sentence to stderr.
void complain(std::string_view sentence);
/// complain() with a Status; returns the exit code 1.
int fail(const engine::Status& status);

/// A line of progress on stderr, rewritten in place; silent when stderr is no terminal.
class ProgressLine {
  public:
    explicit ProgressLine(std::string label);
    ~ProgressLine() { clear(); }
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;
    void update(std::uint64_t done, std::uint64_t total);
    void clear();

  private:
    std::string m_label;
    bool m_terminal = false;
    int m_shownPercent = -1;
};

} // namespace app
