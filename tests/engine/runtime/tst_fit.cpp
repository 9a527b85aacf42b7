// What a model would read for a token, by how it lies on its devices.
#include "engine/model/quantize.h"
#include "engine/model/synthetic.h"
#include "engine/runtime/fit.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace engine;

namespace {

constexpr std::uint64_t kElsewhere_bytes = 1'000'000'000; // layers and head of one device

OpenedModel modelOf(bool tied) {
    OpenedModel model;
    model.config = syntheticConfig("qwen2-1.5b").value();
    model.config.tiedEmbeddings = tied;
    model.tensors = makeSyntheticSource(model.config, 1);
    return model;
}

std::uint64_t embeddingBytes(const OpenedModel& model) {
    const TensorInfo& embedding = *model.tensors->find("token_embd.weight");
    return bytesOf(resolveMatrixFormat(WeightFormat::Int8, embedding), embedding.rows(),
                   static_cast<std::uint32_t>(embedding.columns()));
}

/// Every device holds the whole embedding beside its own part.
MemoryPlan planOf(const OpenedModel& model, std::size_t devices) {
    MemoryPlan plan;
    plan.devices.resize(devices);
    for (DeviceMemory& device : plan.devices)
        device.weights_bytes = kElsewhere_bytes + embeddingBytes(model);
    return plan;
}

} // namespace

class TstFit : public QObject {
    Q_OBJECT

  private slots:
    void noDeviceReadsItsEmbedding() {
        const OpenedModel model = modelOf(false);
        for (const std::size_t devices : {1, 2, 4})
            QCOMPARE(weightsRead(model, WeightFormat::Int8, planOf(model, devices)),
                     devices * kElsewhere_bytes);
    }

    void anEmbeddingThatIsTheHeadIsReadOnce() {
        const OpenedModel model = modelOf(true);
        for (const std::size_t devices : {1, 2, 4})
            QCOMPARE(weightsRead(model, WeightFormat::Int8, planOf(model, devices)),
                     devices * kElsewhere_bytes + embeddingBytes(model));
    }

    /// Of stretches of layers the first device holds the embedding, the last one the head.
    void stretchesHoldItOnce() {
        for (const bool tied : {false, true}) {
            const OpenedModel model = modelOf(tied);
            for (const std::size_t devices : {1, 2, 4}) {
                MemoryPlan plan = planOf(model, devices);
                plan.byLayers = true;
                std::uint64_t held = 0;
                for (const DeviceMemory& device : plan.devices)
                    held += device.weights_bytes;
                const std::uint64_t unread = tied && devices == 1 ? 0 : embeddingBytes(model);
                QCOMPARE(weightsRead(model, WeightFormat::Int8, plan), held - unread);
            }
        }
    }

    void nothingIsReadOfNothing() {
        QCOMPARE(weightsRead(modelOf(false), WeightFormat::Int8, {}), std::uint64_t(0));
        QCOMPARE(weightsRead(modelOf(true), WeightFormat::Int8, {}), std::uint64_t(0));
    }
};

INGLENOOK_SUITE(fit, TstFit)
#include "tst_fit.moc"
