// What the first steps of each kind cost the host, which is to cost it no more than later ones: a
// kernel that were loaded at its first launch would hold the host until the device is done. And
// what a load takes of the device's memory against its plan. usage: inglenook_cuda_first
// SHAPE|MODEL DEVICE WEIGHTS   as inglenook_cuda_check has them Exit code 1 when a first step held
// the host, or the plan was wrong by more than 200 MiB.
#include "tests/bench/check_models.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <numeric>

using namespace engine;
using tests::models::factoryFor;

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kSequences = 32;
constexpr std::uint32_t kPagesEach = 16;
constexpr double kMost_ms = 10; // that a first step may cost the host more than the third
constexpr double kMostUnplanned_MiB = 200;

double msSince(Clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

/// Rows of `answers` sequences, and of the next one's prompt.
Batch stepOf(std::uint32_t answers, std::uint32_t prompt) {
    Batch batch;
    for (std::uint32_t i = 0; i < answers + (prompt > 0 ? 1 : 0); ++i) {
        std::vector<PageId> pages(kPagesEach);
        std::iota(pages.begin(), pages.end(), PageId{1 + i * kPagesEach});
        batch.tables.push_back({std::move(pages)});
    }
    for (std::uint32_t i = 0; i < answers; ++i)
        batch.rows.push_back({i, i, 100, 5, Want::Token});
    for (std::uint32_t i = 0; i < prompt; ++i)
        batch.rows.push_back(
            {answers, answers, i, 5, i + 1 == prompt ? Want::Token : Want::Nothing});
    return batch;
}

struct Kind {
    const char* name;
    std::uint32_t answers;
    std::uint32_t prompt;
};
constexpr Kind kKinds[] = {{"answers and a prompt", 8, 200}, {"a prompt", 0, 300},
                           {"a short prompt", 0, 40},        {"one answer", 1, 0},
                           {"eight answers", 8, 0},          {"all answers", kSequences - 1, 0},
                           {"one and a prompt", 1, 20},      {"a long prompt", 0, 512}};

Status timeKind(Executor& executor, const Kind& kind, bool& isGood) {
    std::array<double, 3> submit_ms = {};
    std::array<double, 3> whole_ms = {};
    for (std::size_t i = 0; i < submit_ms.size(); ++i) {
        Batch batch = stepOf(kind.answers, kind.prompt);
        const Clock::time_point begin = Clock::now();
        const Result<Ticket> ticket = executor.submit(std::move(batch));
        INGLENOOK_TRY(ticket.status());
        submit_ms[i] = msSince(begin);
        INGLENOOK_TRY(executor.collect(*ticket).status);
        whole_ms[i] = msSince(begin);
    }
    const bool good = submit_ms[0] - submit_ms[2] <= kMost_ms;
    isGood = isGood && good;
    std::printf("%-22s host %.2f, %.2f, %.2f ms, done after %.2f, %.2f, %.2f ms  %s\n", kind.name,
                submit_ms[0], submit_ms[1], submit_ms[2], whole_ms[0], whole_ms[1], whole_ms[2],
                good ? "ok" : "HELD");
    return {};
}

Status run(const OpenedModel& model, const NumberFormats& formats, Executor& executor,
           bool& isGood) {
    ExecutorPlan plan;
    plan.formats = formats;
    plan.context = kPagesEach * kPageTokens;
    plan.pageCount = kSequences * kPagesEach + 1;
    plan.slotCount = kSequences;
    plan.maxBatchRows = 512;
    const Result<MemoryPlan> before = executor.memoryPlan(model.config, *model.tensors, plan);
    INGLENOOK_TRY(before.status());
    const std::atomic<bool> stop{false};
    const Clock::time_point begin = Clock::now();
    INGLENOOK_TRY(executor.load(model.config, model.tensors, plan, {}, stop));
    const double load_ms = msSince(begin);
    for (SlotId slot = 0; slot < kSequences; ++slot)
        INGLENOOK_TRY(executor.setSlot(slot, {}));
    for (const Kind& kind : kKinds)
        INGLENOOK_TRY(timeKind(executor, kind, isGood));
    const Result<MemoryPlan> after = executor.memoryPlan(model.config, *model.tensors, plan);
    INGLENOOK_TRY(after.status());
    std::printf("load %.0f ms\n", load_ms);
    for (std::size_t i = 0; i < before->devices.size(); ++i) {
        const DeviceMemory& device = before->devices[i];
        const auto taken = static_cast<double>(device.free_bytes - after->devices[i].free_bytes);
        const double unplanned_MiB = (taken - static_cast<double>(device.total())) / 1048576;
        const bool good = std::abs(unplanned_MiB) <= kMostUnplanned_MiB;
        isGood = isGood && good;
        std::printf("%s: plan %.0f MiB, taken %.0f more  %s\n", device.device.c_str(),
                    static_cast<double>(device.total()) / 1048576, unplanned_MiB,
                    good ? "ok" : "WRONG");
    }
    return {};
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fprintf(stderr, "usage: inglenook_cuda_first SHAPE|MODEL DEVICE WEIGHTS\n");
        return 2;
    }
    const Result<OpenedModel> model = tests::models::modelOf(argv[1]);
    const Result<NumberFormats> formats = tests::models::parseFormats(argv[3]);
    Status status = model.ok() ? formats.status() : model.status();
    bool isGood = true;
    if (status.ok()) {
        const std::unique_ptr<Executor> executor = factoryFor(argv[2])();
        if (executor == nullptr)
            return 1;
        status = run(*model, *formats, *executor, isGood);
    }
    if (!status.ok())
        std::fprintf(stderr, "%s\n", status.sentence().c_str());
    return status.ok() && isGood ? 0 : 1;
}
