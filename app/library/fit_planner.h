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

class FitPlanner {
  public:
    /// The CPU, and every GPU that the CUDA library can use.
    QList<FitDevice> devices();
    /// `released`: what loaded models would give back; `speed`: none = no prediction.
    FitTable plan(const FitQuestion& question, const engine::MemoryPlan& released,
                  const std::optional<engine::DeviceSpeed>& speed);
    /// Until the next question: who holds a GPU keeps half a gigabyte of its memory taken.
    void leaveGpus();

  private:
    struct Wish {
        engine::WeightFormat weights;
        engine::KvFormat kv;
        int contextTokens = 0;
        int slotCount = 0;
    };

    const engine::FitProbe* probe(const QString& device, engine::Status& why);
    engine::Status open(const QString& path);
    engine::FitAnswer ask(const engine::FitProbe& probe, const Wish& wish) const;
    FitCell cellOf(const engine::FitProbe& probe, const Wish& wish) const;
    void addWaysOut(const engine::FitProbe& probe, const Wish& wish, const QString& device,
                    FitCell& cell);

    std::map<QString, engine::FitProbe> m_probes; // by word
    QList<FitDevice> m_devices;
    QString m_path;              // of m_model; empty: none is open
    QList<ModelFile> m_files;    // as they were when it was opened
    engine::OpenedModel m_model; // without its vocabulary
    engine::MemoryPlan m_released;
    std::optional<engine::DeviceSpeed> m_speed;
};

} // namespace app
