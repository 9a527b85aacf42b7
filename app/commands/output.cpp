#include "app/commands/output.h"

#include "app/commands/command.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <unistd.h>
#include <utility>

namespace app {

void print(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

void printJson(const nlohmann::ordered_json& object) {
    print(object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

void complain(std::string_view sentence) {
    std::fwrite(sentence.data(), 1, sentence.size(), stderr);
    std::fputc('\n', stderr);
}

int fail(const engine::Status& status) {
    complain(status.sentence());
    return kFailed;
}

ProgressLine::ProgressLine(std::string label)
    : m_label(std::move(label)), m_terminal(isatty(STDERR_FILENO) == 1) {}

void ProgressLine::clear() {
    if (std::exchange(m_shownPercent, -1) >= 0)
        std::fprintf(stderr, "\r\033[K");
}

void ProgressLine::update(std::uint64_t done, std::uint64_t total) {
    const int percent = total > 0 ? static_cast<int>(done * 100 / total) : 0;
    if (!m_terminal || percent == m_shownPercent)
        return;
    m_shownPercent = percent;
    std::fprintf(stderr, "\r%s %3d %%", m_label.c_str(), percent);
    std::fflush(stderr);
}

} // namespace app
