#include "app/library/card_reader.h"

#include "app/library/model_identity.h"
#include "app/sampling_conversion.h"
#include "engine/runtime/model_info.h"

#include <filesystem>
#include <QFile>

namespace app {

namespace {

constexpr qint64 kFrontMatterBytes = 8192;

struct FrontMatter {
    QString licence;
    QString base;
};

/// The YAML at the head of a Hugging Face README.md; only two plain keys of it matter.
FrontMatter readFrontMatter(const QString& folder) {
    FrontMatter found;
    QFile file(folder + QStringLiteral("/README.md"));
    if (!file.open(QIODevice::ReadOnly))
        return found;
    const QList<QByteArray> lines = file.read(kFrontMatterBytes).split('\n');
    if (lines.isEmpty() || lines.first().trimmed() != "---")
        return found;
    bool inBase = false;
    for (qsizetype i = 1; i < lines.size() && lines.at(i).trimmed() != "---"; ++i) {
        const QString line = QString::fromUtf8(lines.at(i));
        const QString value = line.section(QLatin1Char(':'), 1).trimmed();
        if (line.startsWith(QLatin1String("license:")))
            found.licence = value;
        if (inBase && line.trimmed().startsWith(QLatin1String("- ")) && found.base.isEmpty())
            found.base = line.trimmed().mid(2).trimmed();
        inBase = line.startsWith(QLatin1String("base_model:")) ||
                 (inBase && line.trimmed().startsWith(QLatin1String("- ")));
        if (line.startsWith(QLatin1String("base_model:")) && !value.isEmpty())
            found.base = value;
    }
    found.base = found.base.section(QLatin1Char('/'), -1); // "Qwen/Qwen2.5-7B"
    return found;
}

/// What a load of the model would sample with.
void addSampling(const engine::OpenedModel& opened, ModelCard& card) {
    engine::ModelInfo info;
    info.name = card.name.toStdString();
    info.config = opened.config;
    info.config.name = info.name;
    info.sampling = opened.sampling;
    info.isReasoner = card.isReasoner;
    card.published = fromEngine(engine::defaultSampler(info));
    if (opened.sampling.temperature || opened.sampling.topP)
        card.samplingSource = SamplingSource::Publisher;
    else
        card.samplingSource = card.isDistilled ? SamplingSource::DeepSeek : SamplingSource::Ours;
}

} // namespace

engine::Result<ModelCard> readCard(const ModelCandidate& candidate) {
    const auto opened =
        engine::openModel(std::filesystem::path(QFile::encodeName(candidate.path).toStdString()));
    if (!opened.ok())
        return opened.status();
    const engine::ModelConfig& config = opened->config;
    ModelCard card;
    card.path = candidate.path;
    card.files = candidate.files;
    card.id = idOfModelPath(candidate.path);
    const std::string_view architecture = engine::architectureName(config.architecture);
    card.architecture = QString::fromUtf8(architecture.data(), qsizetype(architecture.size()));
    card.parameters = config.parameterCount;
    FrontMatter front = {QString::fromStdString(opened->licence),
                         QString::fromStdString(opened->baseModel)};
    if (opened->format == "safetensors")
        front = readFrontMatter(candidate.path);
    const ModelIdentity identity = identify(QString::fromStdString(config.name), card.id,
                                            card.architecture, front.base, card.parameters);
    card.name = identity.name;
    card.family = identity.family;
    card.baseModel = identity.base;
    card.isDistilled = identity.isDistilled;
    card.licence = front.licence;
    card.format = QString::fromStdString(opened->format);
    card.fileType = QString::fromStdString(opened->fileType);
    card.contextTokens = int(config.contextLength);
    card.layers = int(config.layerCount);
    card.hiddenSize = int(config.hiddenSize);
    card.heads = int(config.headCount);
    card.kvHeads = int(config.kvHeadCount);
    card.isReasoner = opened->chatTemplate.find("think>") != std::string::npos;
    card.hasTokenizer = opened->vocabulary.kind != engine::TokenizerKind::None;
    card.contentHash = QString::fromStdString(opened->tensors->contentHash());
    addSampling(*opened, card);
    return card;
}

} // namespace app
