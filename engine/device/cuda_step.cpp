#include "engine/device/cuda_step.h"

#include "engine/device/cpu_sampler.h"

#include <algorithm>

namespace engine {

namespace {

Status broken(std::string detail) {
    return Status(Code::InternalError, {{"detail", std::move(detail)}});
}

bool asksHost(Want want) {
    return want == Want::TopLogprobs || want == Want::FullLogits;
}

/// A row that is its sequence's only one.
bool isAlone(const Batch& batch, std::size_t i) {
    const std::uint32_t table = batch.rows[i].table;
    const bool first = i == 0 || batch.rows[i - 1].table != table;
    const bool last = i + 1 == batch.rows.size() || batch.rows[i + 1].table != table;
    return first && last;
}
bool isDecode(const Batch& batch, std::size_t i) {
    return isAlone(batch, i) && batch.rows[i].want != Want::Nothing;
}

Status checkToken(const BatchRow& row, const CudaStepLimits& limits,
                  const std::vector<bool>& sampled) {
    if (row.token == kLastSampled && sampled[row.slot])
        return {};
    if (row.token < 0 || static_cast<std::uint32_t>(row.token) >= limits.vocabulary)
        return broken("token " + std::to_string(row.token) + " of a vocabulary of " +
                      std::to_string(limits.vocabulary));
    return {};
}

void describeOutputs(const Batch& batch, const CudaBatch& to, DescribedBatch& described) {
    std::vector<CudaHeadPass>& passes = described.step.passes;
    std::uint32_t wanted = 0;
    std::uint32_t jobs = 0;
    std::uint32_t groups = 0; // entries written
    for (std::uint32_t i = 0; i < batch.rows.size(); ++i) {
        const BatchRow& row = batch.rows[i];
        if (row.want == Want::Nothing)
            continue;
        if (passes.empty() || passes.back().count == kCudaHeadRows) {
            if (!passes.empty())
                to.groups[groups++] = jobs; // the end of the last pass
            CudaHeadPass pass;
            pass.first = wanted;
            pass.firstGroup = groups;
            passes.push_back(pass);
        }
        CudaHeadPass& pass = passes.back();
        const std::uint32_t inPass = pass.count++;
        to.wanted[wanted] = i;
        if (asksHost(row.want)) {
            pass.toHost.push_back(inPass);
            ++described.hostLogits;
        }
        if (row.slot != kNoSlot) {
            const bool continues = pass.groupCount > 0 && to.jobs[jobs - 1].slot == row.slot;
            if (!continues) {
                to.groups[groups++] = jobs;
                ++pass.groupCount;
            }
            ++pass.jobCount;
            to.jobs[jobs++] = {inPass, row.slot, row.position + 1, wanted};
        }
        ++wanted;
    }
    if (!passes.empty())
        to.groups[groups] = jobs;
}

} // namespace

/// Every row decodes and only its token is asked for: the shape depends on counts alone.
bool isPureDecode(const Batch& batch) {
    if (batch.rows.size() > kCudaHeadRows)
        return false;
    for (std::size_t i = 0; i < batch.rows.size(); ++i) {
        const bool ownSlot = i == 0 || batch.rows[i - 1].slot != batch.rows[i].slot;
        if (!isDecode(batch, i) || batch.rows[i].want != Want::Token || !ownSlot)
            return false;
    }
    return !batch.rows.empty();
}

Status checkBatch(const Batch& batch, const CudaStepLimits& limits,
                  const std::vector<bool>& sampled) {
    if (batch.rows.empty() || batch.rows.size() > limits.maxRows)
        return broken("a batch of " + std::to_string(batch.rows.size()) + " rows, planned for " +
                      std::to_string(limits.maxRows));
    std::uint64_t pages = 0;
    for (const PageTable& table : batch.tables) {
        pages += table.pages.size();
        for (const PageId page : table.pages)
            if (page >= limits.pageCount)
                return broken("KV page " + std::to_string(page) + " of " +
                              std::to_string(limits.pageCount));
    }
    if (pages > limits.pageCapacity)
        return broken("page tables of " + std::to_string(pages) + " pages, planned for " +
                      std::to_string(limits.pageCapacity));
    for (const BatchRow& row : batch.rows) {
        if (row.position >= limits.context)
            return Status(Code::ContextExceeded, {{"tokens", std::to_string(row.position + 1)},
                                                  {"limit", std::to_string(limits.context)}});
        if (row.table >= batch.tables.size() ||
            row.position / kPageTokens >= batch.tables[row.table].pages.size())
            return broken("a row without a page for position " + std::to_string(row.position));
        const bool samples = row.want == Want::Token || row.want == Want::TopLogprobs;
        const bool needsSlot = samples || row.token == kLastSampled || row.slot != kNoSlot;
        if (needsSlot && row.slot >= sampled.size())
            return broken("a row without a slot that exists");
        INGLENOOK_TRY(checkToken(row, limits, sampled));
    }
    return {};
}

DescribedBatch describeBatch(const Batch& batch, const CudaBatch& to) {
    static_assert(kLastSampled == kernels::cuda::kLastSampledToken);
    DescribedBatch described;
    std::vector<std::uint32_t> offsets;
    std::uint32_t pages = 0;
    for (const PageTable& table : batch.tables) {
        offsets.push_back(pages);
        std::copy(table.pages.begin(), table.pages.end(), to.pages + pages);
        pages += static_cast<std::uint32_t>(table.pages.size());
    }
    described.pages = pages;
    for (std::size_t i = 0; i < batch.rows.size(); ++i) {
        const BatchRow& row = batch.rows[i];
        to.rows[i] = {row.token, row.position, offsets[row.table], row.slot};
        described.longest = std::max(described.longest, row.position + 1);
    }
    CudaStep& step = described.step;
    step.rows = static_cast<std::uint32_t>(batch.rows.size());
    while (step.singles < step.rows && isAlone(batch, step.singles))
        ++step.singles;
    step.firstPage = step.single() ? 0 : pages;
    for (std::uint32_t i = step.singles; i < step.rows; ++i) {
        const std::uint32_t table = batch.rows[i].table;
        const auto size = static_cast<std::uint32_t>(batch.tables[table].pages.size());
        step.firstPage = std::min(step.firstPage, offsets[table]);
        step.pages = std::max(step.pages, offsets[table] + size);
        step.pagesSeen += batch.rows[i].position / kPageTokens + 1;
    }
    step.pages -= step.firstPage;
    describeOutputs(batch, to, described);
    return described;
}

void answerBatch(const Batch& batch, const std::int32_t* tokens, const float* logits,
                 std::uint32_t vocabulary, BatchResult& result) {
    std::uint32_t wanted = 0;
    for (std::uint32_t i = 0; i < batch.rows.size(); ++i) {
        const BatchRow& asked = batch.rows[i];
        if (asked.want == Want::Nothing)
            continue;
        RowResult& row = result.rows.emplace_back();
        row.row = i;
        if (asked.slot != kNoSlot)
            row.token = tokens[wanted];
        ++wanted;
        if (!asksHost(asked.want))
            continue;
        const std::span<const float> raw(logits, vocabulary);
        logits += vocabulary;
        const bool wantsShares = row.token != kNoToken || asked.want == Want::TopLogprobs;
        const double denominator = wantsShares ? logSumExp(raw) : 0;
        if (row.token != kNoToken)
            row.logprob =
                static_cast<float>(raw[static_cast<std::size_t>(row.token)] - denominator);
        if (asked.want == Want::TopLogprobs)
            row.topLogprobs = topLogprobs(raw, batch.topCount, denominator);
        else
            row.logits.assign(raw.begin(), raw.end());
    }
}

StepTimings timingsOfBatch(const Batch& batch, std::int64_t total_ns, std::uint64_t weightBytes,
                           std::uint64_t tokenBytes) {
    StepTimings timings;
    timings.total_ns = total_ns;
    timings.weightBytes = weightBytes;
    for (std::size_t i = 0; i < batch.rows.size(); ++i) {
        ++(isDecode(batch, i) ? timings.decodeRows : timings.prefillRows);
        timings.kvBytes += tokenBytes * (batch.rows[i].position + 1);
    }
    return timings;
}

} // namespace engine
