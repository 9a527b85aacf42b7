#include "app/download/remote_choices.h"

#include <algorithm>
#include <map>
#include <QRegularExpression>
#include <QStringList>

namespace app {

namespace {

// The engine halves a context that nobody asked for by number until it fits. This much holds an
// ordinary chat; with less than that it is short.
constexpr int kChatContext = 8192;
constexpr int kShortContext = 2048;
constexpr int kRoomy_percent = 90; // of the memory, as in "What fits": other programs live too
constexpr qint64 kSpareDisk_bytes = 64 << 20;

bool isGguf(const QString& path) {
    return path.endsWith(QLatin1String(".gguf"), Qt::CaseInsensitive);
}

/// Projectors of image models and matrices of importance are .gguf files, but no models.
bool isCompanion(const QString& path) {
    const QString name = path.section(QLatin1Char('/'), -1);
    return name.contains(QLatin1String("mmproj"), Qt::CaseInsensitive) ||
           name.contains(QLatin1String("imatrix"), Qt::CaseInsensitive);
}

/// Without the number of a part: parts of one model are called the same.
QString groupOf(const QString& path) {
    static const QRegularExpression part(QStringLiteral("-\\d{5}-of-\\d{5}(?=\\.gguf$)"),
                                         QRegularExpression::CaseInsensitiveOption);
    return QString(path).remove(part);
}

/// Of a folder in Hugging Face's form: what loading and the licence need.
bool isFolderFile(const QString& path) {
    static const QStringList names = {QStringLiteral("config.json"),
                                      QStringLiteral("generation_config.json"),
                                      QStringLiteral("tokenizer.json"),
                                      QStringLiteral("tokenizer_config.json"),
                                      QStringLiteral("chat_template.jinja"),
                                      QStringLiteral("special_tokens_map.json"),
                                      QStringLiteral("vocab.json"),
                                      QStringLiteral("merges.txt"),
                                      QStringLiteral("tokenizer.model"),
                                      QStringLiteral("model.safetensors.index.json"),
                                      QStringLiteral("LICENSE"),
                                      QStringLiteral("README.md")};
    return !path.contains(QLatin1Char('/')) &&
           (names.contains(path) || path.endsWith(QLatin1String(".safetensors")));
}

qint64 bytesOf(const QList<RemoteFile>& files) {
    qint64 sum = 0;
    for (const RemoteFile& file : files) {
        if (file.bytes < 0)
            return -1;
        sum += file.bytes;
    }
    return sum;
}

void recommend(QList<RemoteChoice>& choices) {
    // Four bits with a minimum keep most of a model's quality at the least bytes; where eight bits
    // leave room too, they are exact here.
    static const QStringList order = {QStringLiteral("Q8_0"), QStringLiteral("Q4_K_M"),
                                      QStringLiteral("Q4_K_S"), QStringLiteral("Q4_0")};
    for (const QString& label : order)
        for (RemoteChoice& choice : choices)
            if (choice.label == label && choice.fit == RemoteFit::Fits) {
                choice.isRecommended = true;
                return;
            }
    for (RemoteChoice& choice : choices)
        if (choice.fit == RemoteFit::Fits || choice.fit == RemoteFit::Tight) {
            choice.isRecommended = true;
            return;
        }
}

} // namespace

RemoteFit fitOf(const RemoteChoice& choice, const FreeRoom& room, const LoadWish& wish) {
    if (choice.bytes < 0)
        return RemoteFit::Unknown;
    if (room.disk_bytes >= 0 && choice.bytes + kSpareDisk_bytes > room.disk_bytes)
        return RemoteFit::NoDiskRoom;
    if (room.memory_bytes < 0 || choice.files.isEmpty())
        return RemoteFit::Unknown;
    const QString named = quantizationOf(choice.files.first().path);
    const auto need = [&](int context) {
        return memoryNeed(named.isEmpty() ? choice.label : named, choice.bytes, wish, context);
    };
    const bool isAsked = wish.contextTokens > 0;
    if (need(isAsked ? wish.contextTokens : kChatContext) <=
        room.memory_bytes / 100 * kRoomy_percent)
        return RemoteFit::Fits;
    return need(isAsked ? wish.contextTokens : kShortContext) <= room.memory_bytes
               ? RemoteFit::Tight
               : RemoteFit::TooLarge;
}

QString quantizationOf(const QString& fileName) {
    static const QRegularExpression form(
        QStringLiteral("(?:^|[-._])((?:UD-)?(?:I?Q\\d+_[A-Z0-9_]+|TQ\\d_\\d|MXFP4(?:_MOE)?|BF16|"
                       "F16|FP16|F32|FP32))(?=[-.]|$)"),
        QRegularExpression::CaseInsensitiveOption);
    QString found;
    auto it = form.globalMatch(groupOf(fileName.section(QLatin1Char('/'), -1)));
    while (it.hasNext())
        found = it.next().captured(1).toUpper();
    return found;
}

bool isQuantizationSupported(const QString& quantization) {
    // Q2_K and Q3_K files hold these formats; IQ ones and dynamic ("UD-") mixtures others too.
    static const QRegularExpression known(
        QStringLiteral("^(Q4_0|Q4_1|Q5_0|Q5_1|Q8_0|Q4_K(_[SML])?|Q5_K(_[SML])?|Q6_K(_L)?|BF16|F16|"
                       "FP16|F32|FP32)$"));
    return quantization.isEmpty() || known.match(quantization).hasMatch();
}

QList<RemoteChoice> choicesOf(const RemoteRepository& repository, const FreeRoom& room,
                              const LoadWish& wish) {
    std::map<QString, RemoteChoice> groups;
    RemoteChoice folder;
    folder.label = QStringLiteral("safetensors");
    bool hasWeights = false;
    bool hasConfig = false;
    for (const RemoteFile& file : repository.files) {
        if (isGguf(file.path) && !isCompanion(file.path)) {
            RemoteChoice& choice = groups[groupOf(file.path)];
            choice.label = quantizationOf(file.path);
            if (choice.label.isEmpty())
                choice.label = groupOf(file.path).section(QLatin1Char('/'), -1).chopped(5);
            choice.files.append(file);
        }
        if (isFolderFile(file.path)) {
            folder.files.append(file);
            hasWeights = hasWeights || file.path.endsWith(QLatin1String(".safetensors"));
            hasConfig = hasConfig || file.path == QLatin1String("config.json");
        }
    }
    QList<RemoteChoice> choices;
    for (auto& [name, choice] : groups) {
        std::sort(choice.files.begin(), choice.files.end(),
                  [](const RemoteFile& a, const RemoteFile& b) { return a.path < b.path; });
        choices.append(choice);
    }
    if (hasWeights && hasConfig)
        choices.append(folder);
    for (RemoteChoice& choice : choices) {
        choice.bytes = bytesOf(choice.files);
        const QString format = quantizationOf(choice.files.first().path);
        choice.fit =
            isQuantizationSupported(format) ? fitOf(choice, room, wish) : RemoteFit::Unsupported;
    }
    std::stable_sort(
        choices.begin(), choices.end(),
        [](const RemoteChoice& a, const RemoteChoice& b) { return a.bytes < b.bytes; });
    recommend(choices);
    return choices;
}

} // namespace app
