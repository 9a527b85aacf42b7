// Stage timing and the check against slow twins on the CPU: bytes that add up, nothing changed by
// being watched, and every broken kernel caught at its stage.
#include "engine/device/cpu_executor.h"
#include "engine/device/cpu_formats.h"
#include "engine/device/cpu_stage_check.h"
#include "tests/engine/device/tiny_model.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

#include <algorithm>
#include <atomic>

using namespace engine;
using Path = CpuExecutorOptions::Path;

namespace {

constexpr std::uint32_t kRows = 40;

ModelConfig smallConfig() {
    ModelConfig config;
    config.name = "tiny";
    config.vocabularySize = 101;
    config.hiddenSize = 96;
    config.layerCount = 3;
    config.headCount = 4;
    config.kvHeadCount = 2;
    config.headDim = 16;
    config.intermediateSize = 160;
    config.contextLength = 128;
    config.rotaryDim = 16;
    config.parameterCount = 1;
    config.qkvBias = true;
    return config;
}

ExecutorPlan smallPlan(const NumberFormats& formats) {
    ExecutorPlan plan;
    plan.formats = formats;
    plan.context = 128;
    plan.pageCount = 9;
    plan.slotCount = 1;
    plan.maxBatchRows = 64;
    return plan;
}

/// Tokens [first, end) of one sequence; the last row asks for logits.
Batch rows(std::uint32_t first, std::uint32_t end) {
    Batch batch;
    batch.tables.push_back({{3, 1, 4}});
    for (std::uint32_t i = first; i < end; ++i)
        batch.rows.push_back({0, kNoSlot, i, static_cast<TokenId>(i * 37 % 101),
                              i + 1 == end ? Want::FullLogits : Want::Nothing});
    return batch;
}

std::vector<float> logits(Executor& executor, Batch batch) {
    const Result<Ticket> ticket = executor.submit(std::move(batch));
    if (!ticket.ok())
        return {};
    const BatchResult result = executor.collect(*ticket);
    return result.rows.empty() ? std::vector<float>() : result.rows.front().logits;
}

/// A forward pass with kernels of the test's own.
struct Pass {
    ModelConfig config = smallConfig();
    NumberFormats formats;
    kernels::KernelTable kernels;
    CpuWorkers workers{2};
    CpuWeights weights;
    CpuKvPool kv;
    std::unique_ptr<CpuForward> forward;

    Pass() {
        const tests::TinySource source(config, 7);
        formats = resolveCpuFormats({WeightFormat::Int8}, source);
        kernels = kernels::kernelTable(kernels::bestInstructionSet());
        const std::atomic<bool> stop{false};
        QVERIFY(weights.plan(config, source, WeightFormat::Int8).ok());
        QVERIFY(weights.load(source, workers, {}, stop).ok());
        kv.plan(config, formats.kv, 9);
        QVERIFY(kv.allocate().ok());
        forward = std::make_unique<CpuForward>(config, formats, kernels, 32, weights, kv, 2);
        forward->plan(64, 128);
        QVERIFY(forward->allocate(workers).ok());
    }

    std::vector<StageError> check() {
        const Batch batch = rows(0, kRows);
        std::vector<ForwardRow> inputs;
        for (const BatchRow& row : batch.rows)
            inputs.push_back({row.token, row.position, row.table, row.want != Want::Nothing});
        CpuStageCheck check(config, formats, 32, weights, kv, *forward, 2);
        if (!check.prepare(inputs, batch.tables, workers).ok())
            return {};
        forward->run(
            inputs, batch.tables, [](std::span<const std::uint32_t>, const float*) {}, &check);
        return check.errors();
    }
};

struct Mutant {
    const char* stage; // where it must be caught; later stages compute with its results alone
    void (*change)(kernels::KernelTable&);
};
const Mutant kMutants[] = {
    {"qkv",
     [](kernels::KernelTable& t) {
         t.rmsNorm = [](const float* x, const float* weight, std::uint32_t count, float,
                        float* out) {
             kernels::kernelTable(kernels::InstructionSet::Scalar)
                 .rmsNorm(x, weight, count, 0.01F, out);
         };
     }},
    {"qkv",
     [](kernels::KernelTable& t) {
         t.rope = [](float*, const kernels::RopeTables&, std::uint32_t) {};
     }},
    {"qkv", // a value a hair too large in the page
     [](kernels::KernelTable& t) {
         t.storeKv = [](const kernels::KvLayout& layout, std::byte* page, std::uint32_t head,
                        std::uint32_t position, const float* key, const float* value) {
             std::vector<float> more(value, value + layout.headDim);
             for (float& x : more)
                 x *= 1.01F;
             kernels::kernelTable(kernels::InstructionSet::Scalar)
                 .storeKv(layout, page, head, position, key, more.data());
         };
     }},
    {"attention",
     [](kernels::KernelTable& t) {
         t.attention = [](const kernels::AttentionTask& task) {
             kernels::AttentionTask wrong = task;
             wrong.scale *= 1.02F;
             kernels::kernelTable(kernels::InstructionSet::Scalar).attention(wrong);
         };
     }},
    {"attn_out", [](kernels::KernelTable& t) { t.add = [](float*, const float*, std::size_t) {}; }},
    {"gate_up",
     [](kernels::KernelTable& t) {
         t.swiglu = [](const float* gate, const float* up, std::size_t count, float* out) {
             for (std::size_t i = 0; i < count; ++i)
                 out[i] = gate[i] * up[i];
         };
     }},
    {"down", [](kernels::KernelTable& t) { t.add = [](float*, const float*, std::size_t) {}; }},
    {"head",
     [](kernels::KernelTable& t) {
         t.matmulInt8 = [](const kernels::PackedMatrix& weights, kernels::RowRange range,
                           const kernels::Int8Rows& x, float* out, std::size_t stride) {
             kernels::kernelTable(kernels::InstructionSet::Scalar)
                 .matmulInt8(weights, range, x, out, stride);
             out[range.begin] = std::numeric_limits<float>::quiet_NaN();
         };
     }},
};

} // namespace

class TstCpuStages : public QObject {
    Q_OBJECT

  private slots:
    void timesAddUp() {
        CpuExecutor executor({Path::Auto, 2});
        const std::atomic<bool> stop{false};
        const auto source = std::make_shared<tests::TinySource>(smallConfig(), 7);
        QVERIFY(executor.load(smallConfig(), source, smallPlan({}), {}, stop).ok());
        const auto before = logits(executor, rows(0, kRows));
        for (const StageTiming& stage : executor.stageTimings())
            QCOMPARE(stage.time_ns, 0LL);
        QVERIFY(executor.timeStages(true).ok());
        const Result<Ticket> ticket = executor.submit(rows(0, kRows));
        QVERIFY(ticket.ok());
        const BatchResult result = executor.collect(*ticket);
        QVERIFY(result.rows.at(0).logits == before); // being watched changes nothing
        const std::vector<StageTiming> stages = executor.stageTimings();
        QCOMPARE(stages.size(), kCpuStageCount);
        std::int64_t time = 0;
        std::uint64_t weightBytes = 0;
        for (const StageTiming& stage : stages) {
            time += stage.time_ns;
            if (stage.name != "attention" && stage.name != "embed")
                weightBytes += stage.bytes;
        }
        QVERIFY(time > 0 && time <= result.timings.total_ns);
        // All but the norms and biases, which no matrix product reads.
        QVERIFY(weightBytes < result.timings.weightBytes);
        QVERIFY(weightBytes > result.timings.weightBytes * 9 / 10);
        const auto down = std::find_if(stages.begin(), stages.end(),
                                       [](const StageTiming& s) { return s.name == "down"; });
        QCOMPARE(down->operations, std::uint64_t{2} * 3 * kRows * 96 * 160);
        QVERIFY(executor.timeStages(true).ok());
        QCOMPARE(executor.stageTimings().front().time_ns, 0LL);
        QVERIFY(executor.timeStages(false).ok());
        logits(executor, rows(0, kRows));
        QCOMPARE(executor.stageTimings().front().time_ns, 0LL);
    }

    void theLimitsFollowTheActivations() {
        CpuExecutor executor({Path::Auto, 2});
        QCOMPARE(executor.measureComputeLimits().products, 0.0); // not known before a load
        const std::atomic<bool> stop{false};
        const auto source = std::make_shared<tests::TinySource>(smallConfig(), 7);
        const NumberFormats formats{WeightFormat::Int8, ActivationFormat::Int8, KvFormat::BF16};
        QVERIFY(executor.load(smallConfig(), source, smallPlan(formats), {}, stop).ok());
        ComputeLimits integers; // the most of a few: others may be at work
        for (int i = 0; i < 5; ++i) {
            const ComputeLimits now = executor.measureComputeLimits();
            integers.products = std::max(integers.products, now.products);
            integers.attention = std::max(integers.attention, now.attention);
        }
        QVERIFY(integers.products > 1e-4 && integers.products < 20);
        QVERIFY(integers.attention > 1e-4 && integers.attention < 20);
        if (kernels::bestInstructionSet() == kernels::InstructionSet::Avx512Vnni)
            QVERIFY(integers.products > 1.5 * integers.attention); // four times, on a calm machine
        QVERIFY(executor.setActivations(ActivationFormat::BF16).ok());
        const ComputeLimits floats = executor.measureComputeLimits();
        QCOMPARE(floats.products, floats.attention);
    }

    void fastStagesHold() {
        const std::atomic<bool> stop{false};
        const auto source = std::make_shared<tests::TinySource>(smallConfig(), 7);
        for (const Path path : {Path::Avx2, Path::Avx512Vnni})
            for (const WeightFormat weights :
                 {WeightFormat::F32, WeightFormat::BF16, WeightFormat::Int8, WeightFormat::Int4})
                for (const ActivationFormat activations :
                     {ActivationFormat::F32, ActivationFormat::BF16, ActivationFormat::Int8})
                    for (const KvFormat kv : {KvFormat::F32, KvFormat::BF16, KvFormat::Int8}) {
                        CpuExecutor executor({path, 2});
                        const NumberFormats formats{weights, activations, kv};
                        QVERIFY(executor.load(smallConfig(), source, smallPlan(formats), {}, stop)
                                    .ok());
                        const auto expected = logits(executor, rows(0, kRows));
                        for (const std::uint32_t first : {0U, kRows - 1}) { // prompt, decode step
                            const auto errors = executor.checkStages(rows(first, kRows));
                            QVERIFY(errors.ok());
                            QCOMPARE(errors->size(), kCpuStageCount - 1); // sampling is not fused
                            for (const StageError& error : *errors)
                                QVERIFY2(error.relError <= error.limit,
                                         qPrintable(QString("%1 %2: %3 %4 %5 path %6")
                                                        .arg(error.name.c_str())
                                                        .arg(error.relError)
                                                        .arg(name(weights).data())
                                                        .arg(name(activations).data())
                                                        .arg(name(kv).data())
                                                        .arg(static_cast<int>(path))));
                        }
                        // The checked step left the pages as they were.
                        QVERIFY(logits(executor, rows(kRows - 1, kRows)) == expected);
                    }
    }

    void brokenKernelsAreCaught() {
        Pass pass;
        for (const StageError& error : pass.check())
            QVERIFY2(error.relError <= error.limit, error.name.c_str());
        for (const Mutant& mutant : kMutants) {
            Pass broken;
            mutant.change(broken.kernels);
            const auto errors = broken.check();
            const auto stage = std::find_if(errors.begin(), errors.end(), [&](const StageError& e) {
                return e.name == mutant.stage;
            });
            QVERIFY(stage != errors.end());
            QVERIFY2(stage->relError > stage->limit, mutant.stage);
        }
    }

    void activationsSwitch() {
        const std::atomic<bool> stop{false};
        const auto source = std::make_shared<tests::TinySource>(smallConfig(), 7);
        const NumberFormats coarse{WeightFormat::Int8, ActivationFormat::Int8, KvFormat::Int8};
        const NumberFormats fine{WeightFormat::Int8, ActivationFormat::BF16, KvFormat::Int8};
        CpuExecutor switched({Path::Auto, 2});
        QCOMPARE(switched.setActivations(ActivationFormat::BF16).code(), Code::NoModelLoaded);
        QVERIFY(switched.load(smallConfig(), source, smallPlan(coarse), {}, stop).ok());
        const auto rounded = logits(switched, rows(0, kRows));
        QVERIFY(switched.setActivations(ActivationFormat::BF16).ok());
        QCOMPARE(switched.formats().activations, ActivationFormat::BF16);
        CpuExecutor plain({Path::Auto, 2});
        QVERIFY(plain.load(smallConfig(), source, smallPlan(fine), {}, stop).ok());
        QVERIFY(logits(switched, rows(0, kRows)) == logits(plain, rows(0, kRows)));
        QVERIFY(!plain.setActivations(ActivationFormat::Int8).ok()); // no memory was planned for it
        QVERIFY(switched.setActivations(ActivationFormat::Int8).ok());
        QVERIFY(logits(switched, rows(0, kRows)) == rounded);
    }
};

INGLENOOK_SUITE(cpu_stages, TstCpuStages)
#include "tst_cpu_stages.moc"
