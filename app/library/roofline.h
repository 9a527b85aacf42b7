#pragma once
// Roofline: where the time of a model goes, stage by stage, and how near each stage comes to what
// the device can do at all: read so many bytes and compute so many operations a second, measured in
// the same minute. A stage is as slow as the nearer of the two limits makes it; what is missing to
// 100 % is neither. A figure that is not known is absent, never 0.

#include <optional>
#include <QList>
#include <QMetaType>
#include <QString>

namespace engine {
struct BenchResult;
class Status;
} // namespace engine

namespace app {

enum class RooflineLimit { Unknown, Memory, Compute };

/// One fused stage, of all layers together.
struct RooflineStage {
    QString name;                    // "qkv"; engine/device/stage_report.h lists them
    double time_ms = 0;              // of one phase: a token, or the whole prompt
    double share = 0;                // of the phase's time, 0 .. 1
    std::optional<double> read_gb_s; // weights, scales and KV
    std::optional<double> tops;      // 1e12 operations of products a second
    std::optional<double> ofLimit;   // 1 = as fast as the nearer limit; more: isAboveMemory()
    RooflineLimit nearer = RooflineLimit::Unknown;
};

struct Roofline {
    QString path;
    QString device;      // "CPU · AVX-512 VNNI · 2 threads"
    QString weights;     // "int8"
    QString activations; // "int8"
    QString kv;          // "bf16"
    std::optional<double> readLimit_gb_s;
    std::optional<double> computeLimit_tops;   // of products
    std::optional<double> attentionLimit_tops; // of attention, which computes in floats
    int promptTokens = 0;
    QList<RooflineStage> decode; // of one token
    QList<RooflineStage> prompt;

    bool isMeasured() const { return !decode.isEmpty(); }
    /// A stage read faster than memory was measured to: what it read lay in the processor's cache,
    /// or something else kept the memory busy while the limit was measured.
    bool isAboveMemory() const;
};

/// What a bench with stages measured; `path` and `promptTokens` are the caller's.
Roofline rooflineOf(const engine::BenchResult& result);
/// Why nothing was measured, in the words of the desktop.
QString rooflineRefusal(const engine::Status& status);

} // namespace app

Q_DECLARE_METATYPE(app::Roofline)
