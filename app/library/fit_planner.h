#pragma once
// FitPlanner: answers what would fit, by the engine's own plan of a load. Blocks for as long as a
// driver and a file take; one thread, not the GUI's.

#include "app/library/fit_table.h"
#include "app/library/model_card.h"
#include "engine/runtime/fit.h"

#include <map>
#include <memory>
#include <optional>

namespace app {

/// How fast the devices of a question are; none = no prediction.
struct FitSpeeds {
    std::optional<engine::DeviceSpeed> together; // of replicas: of one
    std::optional<engine::DeviceSpeed> alone;    // the first of several GPUs
};

/// The GPUs that a word of --device names, one by one, without their shares.
QStringList gpusOf(const QString& device);

class FitPlanner {
  public:
    /// `make`: a stand-in for the engine's makeExecutor().
    explicit FitPlanner(engine::ExecutorMaker make = {}) : m_make(std::move(make)) {}

    /// The CPU, and every GPU that the CUDA library can use; the first one also while it cannot.
    QList<FitDevice> devices();
    /// What a device is called; `device` itself where it cannot be used.
    QString nameOf(const QString& device, const QString& split);
    /// `released`: what loaded models would give back.
    FitTable plan(const FitQuestion& question, const engine::MemoryPlan& released,
                  const FitSpeeds& speeds);
    /// Until the next question: who holds a GPU keeps half a gigabyte of its memory taken.
    void leaveGpus();

  private:
    struct Wish {
        engine::WeightFormat weights;
        engine::KvFormat kv;
        int contextTokens = 0;
        int slotCount = 0;
    };

    engine::FitProbe* probe(const QString& device, const QString& split, engine::Status& why);
    engine::Status open(const QString& path);
    engine::FitAnswer ask(engine::FitProbe& probe, const Wish& wish) const;
    FitCell cellOf(engine::FitProbe& probe, const Wish& wish) const;
    double speedOf(const engine::FitAnswer& answer, const Wish& wish,
                   const std::optional<engine::DeviceSpeed>& speed) const;
    void addWaysOut(engine::FitProbe& probe, const Wish& wish, const FitQuestion& question,
                    FitCell& cell);

    engine::ExecutorMaker m_make;
    std::map<QString, engine::FitProbe> m_probes; // by word and split
    QList<FitDevice> m_devices;
    QString m_path;              // of m_model; empty: none is open
    QList<ModelFile> m_files;    // as they were when it was opened
    engine::OpenedModel m_model; // without its vocabulary
    engine::MemoryPlan m_released;
    FitSpeeds m_speeds;
};

} // namespace app
