// verifyModel: five schedules of the same tokens against exact logits.
#include "engine/device/cpu_sampler.h"
#include "engine/runtime/eval_runner.h"
#include "engine/runtime/evaluate.h"
#include "engine/runtime/golden_file.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace engine {

namespace {

// Below these margins between the best two logits, rounding may choose the other token.
constexpr float kDoubtfulMargin = 0.1F;
constexpr float kDoubtfulMarginF32 = 1e-3F;
constexpr std::uint32_t kStrangers = 3; // other sequences that run between the copies

/// One copy of the golden sequence: its rows, its errors, its greedy continuation.
class Copy {
  public:
    Copy(const Golden& golden, std::uint32_t vocabularySize)
        : m_golden(golden), m_vocabularySize(vocabularySize) {
        sequence.tokens = golden.inputIds;
    }

    bool prefilled() const { return sequence.computed >= m_golden.inputIds.size(); }
    bool done() const { return prefilled() && m_greedy.size() >= m_golden.greedy.size(); }
    std::uint32_t left() const {
        return static_cast<std::uint32_t>(sequence.tokens.size()) - sequence.computed;
    }

    EvalPart part(std::uint32_t rows) {
        return {&sequence, std::min(rows, left()), [this](std::uint32_t position) {
                    const bool kept = std::binary_search(m_golden.positions.begin(),
                                                         m_golden.positions.end(), position);
                    const bool continues = position + 1 >= m_golden.inputIds.size();
                    return kept || continues ? Want::FullLogits : Want::Nothing;
                }};
    }

    /// Takes the logits of a row of this copy.
    void take(std::uint32_t position, const std::vector<float>& logits) {
        const auto& positions = m_golden.positions;
        const auto at = std::lower_bound(positions.begin(), positions.end(), position);
        if (at != positions.end() && *at == position)
            compare(static_cast<std::size_t>(at - positions.begin()), logits);
        if (position + 1 >= m_golden.inputIds.size() && !done()) {
            const TokenId next = argmax(logits);
            m_greedy.push_back(next);
            sequence.tokens.push_back(std::max(next, 0)); // all NaN: go on, it counts as an error
        }
    }

    double relError() const {
        const double error = std::sqrt(m_difference / m_norm);
        // NaN logits are the worst error, not no error.
        return std::isfinite(error) && m_compared == m_golden.positions.size()
                   ? error
                   : std::numeric_limits<double>::infinity();
    }
    double agreement() const {
        return static_cast<double>(m_agreed) / static_cast<double>(m_golden.positions.size());
    }
    std::uint32_t greedyMatch() const {
        std::uint32_t equal = 0;
        while (equal < m_greedy.size() && m_greedy[equal] == m_golden.greedy[equal])
            ++equal;
        return equal;
    }

    EvalSequence sequence;

  private:
    void compare(std::size_t index, const std::vector<float>& logits) {
        const float* exact = m_golden.logits.data() + index * m_vocabularySize;
        for (std::size_t i = 0; i < m_vocabularySize; ++i) {
            const double difference = static_cast<double>(logits[i]) - exact[i];
            m_difference += difference * difference;
            m_norm += static_cast<double>(exact[i]) * exact[i];
        }
        m_agreed += argmax(logits) == argmax({exact, m_vocabularySize}) ? 1 : 0;
        ++m_compared;
    }

    const Golden& m_golden;
    const std::size_t m_vocabularySize;
    std::vector<TokenId> m_greedy;
    double m_difference = 0;
    double m_norm = 0;
    std::size_t m_agreed = 0;
    std::size_t m_compared = 0;
};

/// How a schedule cuts its copies into steps: the rows that copy `copy` takes in its `step`-th step
/// of prefill, 0 = it has not joined yet.
struct Schedule {
    const char* name;
    std::uint32_t copies;
    std::uint32_t (*rows)(std::uint32_t copy, std::uint32_t step);
};

constexpr std::uint32_t kAll = std::numeric_limits<std::uint32_t>::max();

std::uint32_t wholeRows(std::uint32_t, std::uint32_t) {
    return kAll;
}
std::uint32_t oneRow(std::uint32_t, std::uint32_t) {
    return 1;
}
std::uint32_t chunkRows(std::uint32_t, std::uint32_t step) {
    constexpr std::uint32_t kChunks[] = {1, 31, 33};
    return step < std::size(kChunks) ? kChunks[step] : kAll;
}
std::uint32_t staggeredRows(std::uint32_t copy, std::uint32_t step) {
    const std::uint32_t joins = copy % 7 * 2; // steps after the first one
    constexpr std::uint32_t kChunks[] = {3, 17, 1, 29, 8};
    return step < joins ? 0 : kChunks[(copy + step) % std::size(kChunks)];
}

constexpr Schedule kSchedules[] = {{"whole", 1, wholeRows},
                                   {"one", 1, oneRow},
                                   {"chunks", 1, chunkRows},
                                   {"staggered9", 9, staggeredRows},
                                   {"staggered40", 40, staggeredRows}};
constexpr std::uint32_t kMostCopies = 40;
constexpr std::uint32_t kMostStaggeredRows = 29;

/// Sequences of random tokens that share the batches and must change nothing.
class Strangers {
  public:
    Strangers(std::uint32_t count, std::uint32_t length, std::uint32_t vocabularySize)
        : m_sequences(count) {
        std::mt19937 random(11);
        for (EvalSequence& sequence : m_sequences)
            for (std::uint32_t i = 0; i < length; ++i)
                sequence.tokens.push_back(static_cast<TokenId>(random() % vocabularySize));
    }
    /// A few rows of the next stranger that has any left.
    void addPart(std::uint32_t step, std::size_t which, std::vector<EvalPart>& parts) {
        EvalSequence& sequence = m_sequences[which];
        const auto left = static_cast<std::uint32_t>(sequence.tokens.size()) - sequence.computed;
        const std::uint32_t rows =
            std::min(left, 1 + (step + static_cast<std::uint32_t>(which)) % 6);
        if (rows > 0)
            parts.push_back({&sequence, rows, {}});
    }
    std::size_t count() const { return m_sequences.size(); }

  private:
    std::vector<EvalSequence> m_sequences;
};

/// One step's batch: the copies that have joined, strangers between them.
std::vector<EvalPart> makeStep(const Schedule& schedule, std::uint32_t step,
                               std::vector<Copy>& copies, Strangers& strangers) {
    std::vector<EvalPart> parts;
    const std::size_t every = std::max<std::size_t>(1, copies.size() / (strangers.count() + 1));
    std::size_t stranger = 0;
    for (std::size_t i = 0; i < copies.size(); ++i) {
        Copy& copy = copies[i];
        const std::uint32_t rows =
            copy.prefilled() ? 1 : schedule.rows(static_cast<std::uint32_t>(i), step);
        if (!copy.done() && rows > 0)
            parts.push_back(copy.part(rows));
        if ((i + 1) % every == 0 && stranger < strangers.count())
            strangers.addPart(step, stranger++, parts);
    }
    return parts;
}

/// Hands every row's logits to the copy it belongs to.
void distribute(const BatchResult& result, const std::vector<EvalPart>& parts,
                std::vector<Copy>& copies) {
    std::vector<std::pair<Copy*, std::uint32_t>> owners; // of every batch row: copy and position
    for (const EvalPart& part : parts) {
        Copy* owner = nullptr;
        for (Copy& copy : copies)
            if (&copy.sequence == part.sequence)
                owner = &copy;
        for (std::uint32_t i = 0; i < part.rows; ++i)
            owners.emplace_back(owner, part.sequence->computed - part.rows + i);
    }
    for (const RowResult& row : result.rows)
        if (row.row < owners.size() && owners[row.row].first != nullptr)
            owners[row.row].first->take(owners[row.row].second, row.logits);
}

/// How many greedy tokens must be equal.
std::uint32_t expectedGreedy(const Golden& golden, float doubtful) {
    const auto first = std::find_if(golden.margins.begin(), golden.margins.end(),
                                    [&](float margin) { return margin < doubtful; });
    return static_cast<std::uint32_t>(first - golden.margins.begin());
}

Result<ScheduleResult> runSchedule(const Schedule& schedule, EvalRunner& runner,
                                   const Golden& golden, std::uint32_t vocabularySize) {
    std::vector<Copy> copies(schedule.copies, Copy(golden, vocabularySize));
    const auto length = static_cast<std::uint32_t>(golden.inputIds.size());
    Strangers strangers(schedule.copies > 1 ? kStrangers : 0, std::min(length, 200U),
                        vocabularySize);
    runner.reset(schedule.copies + 1);
    for (std::uint32_t step = 0;; ++step) {
        const std::vector<EvalPart> parts = makeStep(schedule, step, copies, strangers);
        if (std::all_of(copies.begin(), copies.end(), [](const Copy& c) { return c.done(); }))
            break;
        Result<BatchResult> result = runner.run(parts);
        if (!result)
            return result.status();
        distribute(*result, parts, copies);
    }
    ScheduleResult worst;
    worst.name = schedule.name;
    worst.top1Agreement = 1;
    worst.greedyMatch = static_cast<std::uint32_t>(golden.greedy.size());
    for (const Copy& copy : copies) {
        worst.relError = std::max(worst.relError, copy.relError());
        worst.top1Agreement = std::min(worst.top1Agreement, copy.agreement());
        worst.greedyMatch = std::min(worst.greedyMatch, copy.greedyMatch());
    }
    return worst;
}

EvalPlan planFor(const Golden& golden, const NumberFormats& formats) {
    EvalPlan plan;
    plan.formats = formats;
    const auto length =
        static_cast<std::uint32_t>(golden.inputIds.size() + golden.greedy.size() + 1);
    plan.context = length;
    plan.sequences = kMostCopies + kStrangers;
    plan.totalTokens = plan.sequences * length;
    plan.maxBatchRows = std::max(length, kMostCopies * kMostStaggeredRows + kStrangers * 6);
    return plan;
}

/// Replaces the golden's logits by those of the scalar f32 oracle on the same dequantized weights.
Status useReference(const OpenedModel& model, const VerifyOptions& options, Golden& golden) {
    const std::uint32_t vocabularySize = model.config.vocabularySize;
    NumberFormats formats = options.formats;
    formats.activations = ActivationFormat::F32;
    formats.kv = KvFormat::F32;
    CpuExecutorOptions scalar;
    scalar.path = CpuExecutorOptions::Path::Scalar;
    auto runner = EvalRunner::create(model.config, model.tensors, makeCpuExecutor(scalar),
                                     planFor(golden, formats));
    if (!runner)
        return runner.status();
    EvalSequence sequence;
    sequence.tokens = golden.inputIds;
    const std::size_t greedyCount = golden.greedy.size();
    golden.greedy.clear();
    golden.margins.clear();
    const auto wants = [&](std::uint32_t position) {
        const bool kept =
            std::binary_search(golden.positions.begin(), golden.positions.end(), position);
        return kept || position + 1 >= golden.inputIds.size() ? Want::FullLogits : Want::Nothing;
    };
    while (golden.greedy.size() < greedyCount) {
        const std::uint32_t first = sequence.computed;
        const auto rows = static_cast<std::uint32_t>(sequence.tokens.size()) - first;
        const EvalPart part{&sequence, rows, wants};
        Result<BatchResult> result = (*runner)->run({&part, 1});
        if (!result)
            return result.status();
        for (const RowResult& row : result->rows) {
            const auto at =
                std::lower_bound(golden.positions.begin(), golden.positions.end(), first + row.row);
            if (at != golden.positions.end() && *at == first + row.row)
                std::copy(row.logits.begin(), row.logits.end(),
                          golden.logits.begin() + (at - golden.positions.begin()) *
                                                      static_cast<std::ptrdiff_t>(vocabularySize));
            if (first + row.row + 1 < golden.inputIds.size())
                continue;
            const std::vector<TokenLogprob> best = topLogprobs(row.logits, 2);
            if (best.size() < 2)
                return Status(
                    Code::LogitsNotFinite,
                    {{"model", model.config.name}, {"position", std::to_string(first + row.row)}});
            golden.greedy.push_back(best[0].token);
            golden.margins.push_back(best[0].logprob - best[1].logprob);
            sequence.tokens.push_back(best[0].token);
        }
    }
    return {};
}

} // namespace

Result<VerifyResult> verifyModel(const OpenedModel& model, const std::filesystem::path& goldenPath,
                                 const ExecutorFactory& factory, const VerifyOptions& options) {
    const std::uint32_t vocabularySize = model.config.vocabularySize;
    Result<Golden> golden = readGolden(goldenPath, vocabularySize);
    if (!golden)
        return golden.status();
    if (options.reference)
        INGLENOOK_TRY(useReference(model, options, *golden));
    auto runner = EvalRunner::create(model.config, model.tensors, factory(),
                                     planFor(*golden, options.formats));
    if (!runner)
        return runner.status();

    VerifyResult verdict;
    verdict.formats = (*runner)->executor().formats();
    verdict.positions = static_cast<std::uint32_t>(golden->positions.size());
    verdict.greedyMatch = true;
    const bool exact = verdict.formats.weights == WeightFormat::F32 &&
                       verdict.formats.activations == ActivationFormat::F32 &&
                       verdict.formats.kv == KvFormat::F32;
    const std::uint32_t expected =
        expectedGreedy(*golden, exact ? kDoubtfulMarginF32 : kDoubtfulMargin);
    for (const Schedule& schedule : kSchedules) {
        Result<ScheduleResult> result = runSchedule(schedule, **runner, *golden, vocabularySize);
        if (!result)
            return result.status();
        result->greedyExpected = expected;
        verdict.relError = std::max(verdict.relError, result->relError);
        verdict.top1Agreement = std::min(verdict.top1Agreement, result->top1Agreement);
        verdict.greedyMatch = verdict.greedyMatch && result->greedyMatch >= expected;
        verdict.schedules.push_back(std::move(*result));
    }
    return verdict;
}

} // namespace engine
