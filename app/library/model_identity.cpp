#include "app/library/model_identity.h"

#include <QFileInfo>
#include <QRegularExpression>

namespace app {

namespace {

struct Distilled {
    const char* name;
    const char* base;
    const char* architecture;
    double billions; // parameters, for a name that does not say the size
};
constexpr Distilled kDistilled[] = {
    {"DeepSeek-R1-Distill-Qwen-1.5B", "Qwen2.5-Math-1.5B", "qwen2", 1.8},
    {"DeepSeek-R1-Distill-Qwen-7B", "Qwen2.5-Math-7B", "qwen2", 7.6},
    {"DeepSeek-R1-Distill-Qwen-14B", "Qwen2.5-14B", "qwen2", 14.8},
    {"DeepSeek-R1-Distill-Qwen-32B", "Qwen2.5-32B", "qwen2", 32.8},
    {"DeepSeek-R1-Distill-Llama-8B", "Llama-3.1-8B", "llama", 8.0},
    {"DeepSeek-R1-Distill-Llama-70B", "Llama-3.3-70B-Instruct", "llama", 70.6},
    {"DeepSeek-R1-0528-Qwen3-8B", "Qwen3-8B-Base", "qwen3", 8.2},
};

/// "DeepSeek R1 Distill Qwen 7B" -> "DeepSeek-R1-Distill-Qwen-7B"; "Q8_0" stays.
QString hyphenated(QString name) {
    static const QRegularExpression gaps(QStringLiteral("\\s+"));
    return name.trimmed().replace(gaps, QStringLiteral("-"));
}

/// Names that say nothing: the architecture, "model", a revision of a cache.
bool isEmptyName(const QString& name, const QString& architecture) {
    static const QRegularExpression revision(QStringLiteral("^[0-9a-f]{32,64}$"));
    return name.isEmpty() || name.compare(architecture, Qt::CaseInsensitive) == 0 ||
           name.compare(QLatin1String("model"), Qt::CaseInsensitive) == 0 ||
           revision.match(name).hasMatch();
}

const Distilled* knownDistilled(QString name) {
    name.replace(QLatin1Char('_'), QLatin1Char('-'));
    for (const Distilled& each : kDistilled)
        if (name.startsWith(QLatin1String(each.name), Qt::CaseInsensitive))
            return &each;
    return nullptr;
}

/// "deepseek-r1-7b.gguf" is one of the distilled models too: the large one has another
/// architecture.
const Distilled* distilledOfThatSize(const QString& name, const QString& architecture,
                                     quint64 parameters) {
    static const QRegularExpression r1(QStringLiteral("deepseek.?r1"),
                                       QRegularExpression::CaseInsensitiveOption);
    if (!r1.match(name).hasMatch())
        return nullptr;
    for (const Distilled& each : kDistilled) {
        const double share = double(parameters) / (each.billions * 1e9);
        if (architecture == QLatin1String(each.architecture) && share > 0.93 && share < 1.07)
            return &each;
    }
    return nullptr;
}

/// "Qwen2.5-7B-Instruct" -> "Qwen2.5": what stands before the size.
QString familyOf(const QString& name) {
    static const QRegularExpression size(
        QStringLiteral("^(.+?)[-.]\\d+(\\.\\d+)?[bBmMkK](?![a-zA-Z])"));
    const QRegularExpressionMatch match = size.match(name);
    return match.hasMatch() ? match.captured(1) : QString();
}

} // namespace

ModelIdentity identify(const QString& stated, const QString& fileName, const QString& architecture,
                       const QString& base, quint64 parameters) {
    ModelIdentity identity;
    identity.name = hyphenated(stated);
    if (isEmptyName(identity.name, architecture))
        identity.name = hyphenated(fileName);
    identity.base = hyphenated(base);
    const Distilled* distilled = knownDistilled(identity.name);
    if (distilled == nullptr)
        distilled = knownDistilled(hyphenated(fileName));
    if (distilled == nullptr)
        distilled = distilledOfThatSize(identity.name, architecture, parameters);
    if (distilled == nullptr) {
        identity.family = familyOf(identity.name);
        return identity;
    }
    // A name that hides what the model is gives way to the one it was published under.
    if (!identity.name.contains(QLatin1String("distill"), Qt::CaseInsensitive) &&
        !identity.name.contains(QLatin1String("qwen3"), Qt::CaseInsensitive))
        identity.name = QLatin1String(distilled->name);
    identity.isDistilled = true;
    identity.family = QLatin1String(distilled->name).contains(QLatin1String("0528"))
                          ? QStringLiteral("DeepSeek-R1-0528")
                          : QStringLiteral("DeepSeek-R1-Distill");
    // A converter may write the model itself as its base.
    if (identity.base.isEmpty() ||
        identity.base.contains(QLatin1String("deepseek"), Qt::CaseInsensitive))
        identity.base = QLatin1String(distilled->base);
    return identity;
}

QString idOfModelPath(const QString& path) {
    static const QRegularExpression part(QStringLiteral("-\\d{5}-of-\\d{5}$"));
    const QFileInfo info(path);
    if (info.suffix().compare(QLatin1String("gguf"), Qt::CaseInsensitive) == 0)
        return info.completeBaseName().remove(part);
    const QStringList parts = path.split(QLatin1Char('/'), Qt::SkipEmptyParts);
    const qsizetype count = parts.size();
    // .../models--deepseek-ai--DeepSeek-R1-Distill-Qwen-7B/snapshots/REVISION
    if (count >= 3 && parts.at(count - 2) == QLatin1String("snapshots"))
        return parts.at(count - 3).section(QStringLiteral("--"), -1);
    return info.fileName();
}

} // namespace app
