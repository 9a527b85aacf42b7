// inglenook_simulate: what serve-bench would say on a GPU that was measured, see
// serve_simulation.h.
//   inglenook_simulate qwen2-7b requests=10800 rate=180 prompt=64 generate=16
#include "tests/support/serve_simulation.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

namespace {

constexpr const char* kUsage =
    "usage: inglenook_simulate qwen2-7b|llama-8b [NAME=NUMBER...]\n"
    "  requests rate (0: all at once) prompt generate slots rows (of a step, most) seed\n"
    "  host (ms to prepare a step) wake (ms late, mean) hold (1: steps are, 0: not)\n"
    "  scale (of all step times)\n"
    "  times=FILE: lines `answers ROWS MS` and `shared ROWS MS` instead of what steps take\n";

/// What steps take from a file, as tests/bench/step_times.py makes it of serve-bench's --steps.
bool readTimes(const char* path, tests::DeviceTimes& device) {
    std::ifstream file(path);
    device.answers.clear();
    device.shared.clear();
    std::string kind;
    for (tests::StepPoint point; file >> kind >> point.rows >> point.time_ms;)
        (kind == "answers" ? device.answers : device.shared).push_back(point);
    return device.answers.size() > 1 && device.shared.size() > 1;
}

bool set(tests::ServePlan& plan, tests::DeviceTimes& device, const std::string& name,
         double value) {
    const auto count = static_cast<std::uint32_t>(value);
    if (name == "requests")
        plan.requests = count;
    else if (name == "rate")
        plan.rate_s = value;
    else if (name == "prompt")
        plan.promptTokens = count;
    else if (name == "generate")
        plan.generateTokens = count;
    else if (name == "slots")
        plan.slotCount = count;
    else if (name == "rows")
        plan.mostRows = count;
    else if (name == "seed")
        plan.seed = count;
    else if (name == "host")
        plan.hostStep_ms = value;
    else if (name == "wake")
        plan.wakeUp_ms = value;
    else if (name == "hold")
        plan.holdsSteps = value != 0;
    else if (name == "scale")
        device.scale(value);
    else
        return false;
    return true;
}

void print(const tests::ServeReport& report) {
    std::printf(
        "first token %.1f ms (p50 %.1f, p99 %.1f): %.1f until its step begins, %.1f in it\n",
        report.ttftMean, report.ttftP50, report.ttftP99, report.waitMean, report.promptMean);
    std::printf("next token  p50 %.2f ms, p99 %.2f\n", report.itlP50, report.itlP99);
    std::printf("whole       %.1f ms (p99 %.1f)\n", report.e2eMean, report.e2eP99);
    std::printf("output      %.0f tok/s, %.2f s, device idle %.2f %%\n",
                report.outputTokensPerSecond, report.makespan_s, report.idleShare * 100);
    std::printf("steps       %u of %.2f ms without prompts, %u of %.2f ms with %.2f prompts;",
                report.answerSteps, report.answerSteps_ms, report.sharedSteps,
                report.sharedSteps_ms, report.promptsPerChunk);
    for (const std::uint32_t count : report.stepsByRows)
        std::printf(" %u", count);
    std::printf(" of up to 64, 128, 256, 512 and more rows\n");
    if (!report.fault.empty())
        std::printf("FAULT: %s\n", report.fault.c_str());
}

} // namespace

int main(int argc, char** argv) {
    const std::string model = argc > 1 ? argv[1] : "";
    if (model != "qwen2-7b" && model != "llama-8b") {
        std::fputs(kUsage, stderr);
        return 2;
    }
    tests::DeviceTimes device = model == "qwen2-7b" ? tests::qwen2OnH100() : tests::llamaOnH100();
    tests::ServePlan plan;
    for (int i = 2; i < argc; ++i) {
        const char* equals = std::strchr(argv[i], '=');
        if (std::strncmp(argv[i], "times=", 6) == 0) {
            if (readTimes(equals + 1, device))
                continue;
            std::fprintf(stderr, "%s has no times of two steps of each kind.\n", equals + 1);
            return 2;
        }
        if (equals == nullptr ||
            !set(plan, device, std::string(argv[i], static_cast<std::size_t>(equals - argv[i])),
                 std::atof(equals + 1))) {
            std::fputs(kUsage, stderr);
            return 2;
        }
    }
    const tests::ServeReport report = tests::simulateServing(device, plan);
    print(report);
    return report.fault.empty() ? 0 : 1;
}
