// Every fused stage of one GPU or of a group against its slow twin on the operands of the same
// step, in every number format, for steps of many shapes. Without Qt. usage: inglenook_cuda_twins
// DEVICE MODEL...   DEVICE: cuda, cuda:0,1, cuda:0,0 Exit code 1 when a limit is exceeded.
#include "engine/device/make_executor.h"
#include "engine/model/opened_model.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace {

using namespace engine;

constexpr std::uint32_t kSequences = 12;
constexpr std::uint32_t kPages = 12; // of a sequence
constexpr std::uint32_t kPrompt = 70;

struct Format {
    const char* name;
    NumberFormats formats;
};
const Format kFormats[] = {
    {"f32/f32/f32", {WeightFormat::F32, ActivationFormat::F32, KvFormat::F32}},
    {"bf16/bf16/bf16", {WeightFormat::BF16, ActivationFormat::BF16, KvFormat::BF16}},
    {"int8/bf16/int8", {WeightFormat::Int8, ActivationFormat::BF16, KvFormat::Int8}},
    {"int8/int8/int8", {WeightFormat::Int8, ActivationFormat::Int8, KvFormat::Int8}},
    {"int4/bf16/int8", {WeightFormat::Int4, ActivationFormat::BF16, KvFormat::Int8}},
};

PageTable tableOf(std::uint32_t sequence) {
    PageTable table;
    for (std::uint32_t page = 0; page < kPages; ++page)
        table.pages.push_back(1 + sequence * kPages + page);
    return table;
}

/// `rows` of one sequence's prompt from `first` on.
Batch promptOf(std::uint32_t sequence, std::uint32_t first, std::uint32_t rows, Want want) {
    Batch batch;
    batch.tables.push_back(tableOf(sequence));
    for (std::uint32_t i = 0; i < rows; ++i)
        batch.rows.push_back({0, sequence, first + i, static_cast<TokenId>(2 + (7 * i) % 300),
                              i + 1 == rows ? want : Want::Nothing});
    return batch;
}
Batch decodeOf(std::uint32_t rows) {
    Batch batch;
    for (std::uint32_t i = 0; i < rows; ++i) {
        batch.tables.push_back(tableOf(i));
        batch.rows.push_back({i, i, kPrompt, static_cast<TokenId>(5 + i), Want::Token});
    }
    return batch;
}

Status fill(Executor& executor) {
    for (std::uint32_t i = 0; i < kSequences; ++i) {
        INGLENOOK_TRY(executor.setSlot(i, {}));
        const Result<Ticket> ticket = executor.submit(promptOf(i, 0, kPrompt, Want::Token));
        INGLENOOK_TRY(ticket.ok() ? executor.collect(*ticket).status : ticket.status());
    }
    return {};
}

int checkFormat(const OpenedModel& model, const std::string& device, const Format& format) {
    Result<std::unique_ptr<Executor>> executor = makeExecutor(device);
    ExecutorPlan plan;
    plan.formats = format.formats;
    plan.context = kPages * kPageTokens;
    plan.pageCount = 1 + kSequences * kPages;
    plan.slotCount = kSequences;
    plan.maxBatchRows = 512;
    const std::atomic<bool> stop{false};
    Status status = executor.ok() ? (*executor)->load(model.config, model.tensors, plan, {}, stop)
                                  : executor.status();
    if (status.ok())
        status = fill(**executor);
    std::vector<Batch> batches;
    for (const std::uint32_t rows : {1U, 2U, 8U, kSequences})
        batches.push_back(decodeOf(rows));
    for (const std::uint32_t rows : {2U, 40U, 300U})
        batches.push_back(promptOf(0, kPrompt, rows, Want::FullLogits));
    std::map<std::string, StageError> worst;
    for (std::size_t i = 0; i < batches.size() && status.ok(); ++i) {
        const auto errors = (*executor)->checkStages(std::move(batches[i]));
        status = errors.status();
        if (errors.ok())
            for (const StageError& error : *errors)
                if (StageError& seen = worst[error.name]; seen.relError <= error.relError)
                    seen = error;
    }
    int failures = status.ok() ? 0 : 1;
    std::printf("%-14s", format.name);
    for (const auto& [name, error] : worst) {
        const bool good = error.relError <= error.limit;
        failures += good ? 0 : 1;
        std::printf(" %s %.1e%s", name.c_str(), error.relError, good ? "" : "!");
    }
    std::printf("  %s\n", failures == 0 ? "ok"
                          : status.ok() ? "FAILED"
                                        : status.sentence().c_str());
    std::fflush(stdout);
    return failures;
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: inglenook_cuda_twins DEVICE MODEL...\n");
        return 2;
    }
    int failures = 0;
    for (int i = 2; i < argc; ++i) {
        const Result<OpenedModel> model = openModel(argv[i]);
        if (!model.ok()) {
            std::fprintf(stderr, "%s\n", model.status().sentence().c_str());
            return 1;
        }
        std::printf("%s on %s\n", std::filesystem::path(argv[i]).filename().c_str(), argv[1]);
        for (const Format& format : kFormats)
            failures += checkFormat(*model, argv[1], format);
    }
    std::printf("%d failed\n", failures);
    return failures == 0 ? 0 : 1;
}
