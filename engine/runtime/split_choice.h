#pragma once
// SplitChoice: whether several GPUs that share a model are worth it, measured when it is loaded:
// how fast one of them decodes one answer alone, and all of them together; and of many answers,
// whether all GPUs together do more or each with its part of the answers. Communication may cost
// more than the second GPU brings; a user shall know, and --split auto takes the faster way where
// the model fits.
//
// Method: steps of the first layer and of the first three, with the model's own weights, embedding
// and head; what two layers add gives all the others. So little of the model is loaded twice that
// it takes a few per cent of the load, and it fits where the whole model does not. Measured once a
// model, devices and formats in a process.

#include "engine/device/executor.h"

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace engine {

struct SplitChoice {
    std::uint32_t devices = 0;    ///< that were asked for; 0 = nothing was measured
    double onePerSecond = 0;      ///< tokens of one answer on the first device alone
    double allPerSecond = 0;      ///< on all together
    std::uint32_t streams = 0;    ///< answers at once that the next two are of
    double replicasPerSecond = 0; ///< tokens of all of them, each device with its part of them
    double sharedPerSecond = 0;   ///< on all devices together
    bool tookOne = false;         ///< automatic: one was faster, and the model fits there
    bool tookReplicas = false;    ///< automatic: for many answers that was faster, and it fits
    bool tookLayers = false;      ///< automatic: each holds a stretch of the layers
};

/// A second device must bring more than this to be called faster.
constexpr double kLeastSplitGain = 1.03;

/// Seconds of a step, predicted for the whole model from steps of a few layers.
struct DecodeTimes {
    double one_s = 0;  ///< of one answer
    double many_s = 0; ///< of `rows` answers
};
/// The executor holds nothing afterwards.
Result<DecodeTimes> measureDecode(const ModelConfig& config,
                                  std::shared_ptr<const TensorSource> source,
                                  const NumberFormats& formats, std::uint32_t rows,
                                  Executor& executor, const std::atomic<bool>& stop);

/// Remembers the measurements of a process. One thread.
class SplitChoices {
  public:
    using Maker = std::function<Result<std::unique_ptr<Executor>>(const std::string& device)>;

    /// `device`: a word of --device that names several; `streams`: answers that may run at once.
    /// What cannot be measured is 0; only a stopped load is no answer.
    Result<SplitChoice> measure(const ModelConfig& config,
                                const std::shared_ptr<const TensorSource>& source,
                                const NumberFormats& formats, const std::string& device,
                                std::uint32_t streams, const Maker& make,
                                const std::atomic<bool>& stop);

  private:
    std::map<std::string, SplitChoice> m_known;
};

} // namespace engine
