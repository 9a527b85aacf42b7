#pragma once
// SamplingValues: how tokens are chosen, as set by a person and as stored with every answer.

#include <QMetaType>

namespace app {

struct SamplingValues {
    double temperature = 0.6; // 0 = greedy
    double topP = 0.95;       // 1 = off
    int topK = 0;             // 0 = off
    double minP = 0.0;        // 0 = off
    double repetitionPenalty = 1.0;
    double presencePenalty = 0.0;
    double frequencyPenalty = 0.0;
    quint64 seed = 0;       // as used; the setting "random" draws one per answer
    int maxTokens = 0;      // 0 = as the context allows
    int thinkingBudget = 0; // reasoning tokens, 0 = no limit

    bool operator==(const SamplingValues&) const = default;
};

} // namespace app

Q_DECLARE_METATYPE(app::SamplingValues)
