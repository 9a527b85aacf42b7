#include "app/download/starter_models.h"

namespace app {

const QList<StarterModel>& starterModels() {
    static const QList<StarterModel> models = [] {
        QList<StarterModel> list;
        for (const char* name : {"DeepSeek-R1-Distill-Qwen-1.5B", "DeepSeek-R1-Distill-Qwen-7B",
                                 "DeepSeek-R1-Distill-Llama-8B", "DeepSeek-R1-0528-Qwen3-8B",
                                 "DeepSeek-R1-Distill-Qwen-14B", "DeepSeek-R1-Distill-Qwen-32B",
                                 "DeepSeek-R1-Distill-Llama-70B"}) {
            const QString text = QString::fromLatin1(name);
            list.append({text, QStringLiteral("unsloth/%1-GGUF").arg(text)});
        }
        return list;
    }();
    return models;
}

} // namespace app
