#include "app/library/fit_planner.h"

#include "app/messages.h"

#include <algorithm>
#include <QDateTime>
#include <QDir>
#include <QFile>
#include <QFileInfo>

namespace app {

namespace {

constexpr int kMostGpus = 16;
constexpr std::uint32_t kFilled = 1000; // tokens before the one whose speed is predicted
constexpr int kContexts[] = {2048, 4096, 8192, 16384, 32768, 65536, 131072};
constexpr engine::WeightFormat kWeights[] = {engine::WeightFormat::BF16, engine::WeightFormat::Int8,
                                             engine::WeightFormat::Int4};

/// The file, or those of the folder: an update puts others in their place.
QList<ModelFile> filesOf(const QString& path) {
    const QFileInfo model(path);
    QList<ModelFile> files;
    for (const QFileInfo& file :
         model.isDir() ? QDir(path).entryInfoList(QDir::Files, QDir::Name) : QFileInfoList{model})
        files.append(
            {file.fileName(), quint64(file.size()), file.lastModified().toMSecsSinceEpoch(), {}});
    return files;
}

QString text(std::string_view view) {
    return QString::fromUtf8(view.data(), qsizetype(view.size()));
}

/// Powers of two up to what the model was trained for, and that itself.
QList<int> contextsOf(const engine::ModelConfig& config) {
    const int trained = config.contextLength > 0 ? int(config.contextLength) : kContexts[0];
    QList<int> contexts;
    for (const int context : kContexts)
        if (context < trained)
            contexts.append(context);
    contexts.append(std::min(trained, kContexts[std::size(kContexts) - 1]));
    return contexts;
}

FitBytes bytesOf(const engine::DeviceMemory& memory) {
    return {QString::fromStdString(memory.device), memory.weights_bytes, memory.kv_bytes,
            memory.workspace_bytes + memory.context_bytes, memory.free_bytes};
}

FitVerdict verdictOf(const engine::FitAnswer& answer) {
    if (answer.status == engine::Code::OutOfMemory)
        return FitVerdict::No;
    if (!answer.status.ok())
        return FitVerdict::Unknown;
    for (const engine::DeviceMemory& memory : answer.memory.devices)
        if (memory.free_bytes != 0 && memory.total() > memory.free_bytes / 10 * 9)
            return FitVerdict::Tight;
    return FitVerdict::Fits;
}

quint64 totalOf(const engine::FitAnswer& answer) {
    quint64 sum = 0;
    for (const engine::DeviceMemory& memory : answer.memory.devices)
        sum += memory.total();
    return sum;
}

} // namespace

QStringList gpusOf(const QString& device) {
    QStringList gpus;
    for (const std::string& gpu :
         engine::replicaDevices(device.toStdString(), engine::SplitMode::Replicas))
        if (gpu.starts_with("cuda"))
            gpus.append(QString::fromStdString(gpu));
    return gpus;
}

QList<FitDevice> FitPlanner::devices() {
    if (!m_devices.isEmpty())
        return m_devices;
    engine::Status why;
    if (const engine::FitProbe* cpu = probe(QStringLiteral("cpu"), {}, why))
        m_devices.append({QStringLiteral("cpu"), QString::fromStdString(cpu->deviceName())});
    QStringList numbers;
    for (int i = 0; i < kMostGpus; ++i) {
        const QString word = QStringLiteral("cuda:%1").arg(i);
        const engine::FitProbe* gpu = probe(word, {}, why);
        if (gpu == nullptr) {
            // One that is there and cannot be used now is asked about, too: the table says why.
            if (i == 0 && why == engine::Code::DeviceUnavailable)
                m_devices.append({word, QStringLiteral("CUDA %1").arg(i)});
            break;
        }
        m_devices.append({word, QString::fromStdString(gpu->deviceName())});
        numbers.append(QString::number(i));
    }
    if (numbers.size() > 1) {
        const QString word = QStringLiteral("cuda:") + numbers.join(QLatin1Char(','));
        if (const engine::FitProbe* all = probe(word, {}, why))
            m_devices.append({word, QString::fromStdString(all->deviceName())});
    }
    return m_devices;
}

QString FitPlanner::nameOf(const QString& device, const QString& split) {
    engine::Status why;
    const engine::FitProbe* on = probe(device, split, why);
    return on == nullptr ? device : QString::fromStdString(on->deviceName());
}

engine::FitProbe* FitPlanner::probe(const QString& device, const QString& split,
                                    engine::Status& why) {
    const QString key = device + QLatin1Char(' ') + split;
    const auto known = m_probes.find(key);
    if (known != m_probes.end())
        return &known->second;
    const auto mode =
        engine::parseSplitMode(split.isEmpty() ? std::string("auto") : split.toStdString());
    why = mode.status();
    if (!mode.ok())
        return nullptr;
    engine::Result<engine::FitProbe> made =
        engine::FitProbe::create(device.toStdString(), *mode, m_make);
    why = made.status();
    return made.ok() ? &m_probes.emplace(key, std::move(made).value()).first->second : nullptr;
}

void FitPlanner::leaveGpus() {
    std::erase_if(m_probes,
                  [](const auto& each) { return !each.first.startsWith(QLatin1String("cpu")); });
}

engine::Status FitPlanner::open(const QString& path) {
    const QList<ModelFile> files = filesOf(path);
    if (path == m_path && areSame(files, m_files))
        return {};
    m_path.clear();
    m_model = {};
    auto opened = engine::openModel(std::filesystem::path(QFile::encodeName(path).toStdString()));
    if (!opened.ok())
        return opened.status();
    m_model = std::move(opened).value();
    m_model.vocabulary = {};
    m_path = path;
    m_files = files;
    return {};
}

engine::FitAnswer FitPlanner::ask(engine::FitProbe& probe, const Wish& wish) const {
    engine::LoadRequest request;
    request.formats.weights = wish.weights;
    request.formats.kv = wish.kv;
    request.context = std::uint32_t(wish.contextTokens);
    request.slotCount = std::uint32_t(wish.slotCount);
    return probe.plan(m_model, request, m_released, kFilled);
}

double FitPlanner::speedOf(const engine::FitAnswer& answer, const Wish& wish,
                           const std::optional<engine::DeviceSpeed>& speed) const {
    return answer.status.ok() && speed
               ? engine::predictDecode(*speed, wish.weights, answer.readBytes,
                                       m_model.config.layerCount)
               : 0;
}

FitCell FitPlanner::cellOf(engine::FitProbe& probe, const Wish& wish) const {
    const engine::FitAnswer answer = ask(probe, wish);
    FitCell cell;
    cell.weights = text(engine::name(wish.weights));
    cell.contextTokens = wish.contextTokens;
    cell.verdict = verdictOf(answer);
    for (const engine::DeviceMemory& memory : answer.memory.devices)
        cell.devices.append(bytesOf(memory));
    if (!answer.status.ok())
        cell.sentence = sentence(answer.status);
    // One GPU after another is as fast as one.
    const bool isAsOne = answer.memory.byLayers && m_speeds.alone;
    cell.tokensPerSecond = speedOf(answer, wish, isAsOne ? m_speeds.alone : m_speeds.together);
    return cell;
}

/// Each changes one thing and is offered only when it fits.
void FitPlanner::addWaysOut(engine::FitProbe& probe, const Wish& wish, const FitQuestion& question,
                            FitCell& cell) {
    using Kind = FitWayOut::Kind;
    const auto offer = [&](engine::FitProbe& on, const Wish& other, Kind kind,
                           const QString& value) {
        const engine::FitAnswer answer = ask(on, other);
        if (answer.status.ok())
            cell.waysOut.append({kind, value, totalOf(answer)});
        return answer.status.ok();
    };
    for (const engine::WeightFormat weights :
         {engine::WeightFormat::Int8, engine::WeightFormat::Int4}) {
        Wish fewer = wish;
        fewer.weights = weights;
        if (weights > wish.weights &&
            offer(probe, fewer, Kind::FewerBits, text(engine::name(weights))))
            break;
    }
    const QList<int> contexts = contextsOf(m_model.config);
    for (auto context = contexts.rbegin(); context != contexts.rend(); ++context) {
        Wish shorter = wish;
        shorter.contextTokens = *context;
        if (*context < wish.contextTokens &&
            offer(probe, shorter, Kind::SmallerContext, QString::number(*context)))
            break;
    }
    if (wish.kv != engine::KvFormat::Int8) {
        Wish smaller = wish;
        smaller.kv = engine::KvFormat::Int8;
        offer(probe, smaller, Kind::SmallerKv, text(engine::name(smaller.kv)));
    }
    if (wish.slotCount > 1) {
        Wish fewer = wish;
        fewer.slotCount = 1;
        offer(probe, fewer, Kind::FewerSlots, QStringLiteral("1"));
    }
    for (const FitDevice& other : devices()) {
        engine::Status why;
        engine::FitProbe* on =
            other.word == question.device ? nullptr : this->probe(other.word, {}, why);
        if (on != nullptr)
            offer(*on, wish, Kind::OtherDevice, other.name);
    }
}

FitTable FitPlanner::plan(const FitQuestion& question, const engine::MemoryPlan& released,
                          const FitSpeeds& speeds) {
    FitTable table;
    table.question = question;
    engine::Status why = open(question.path);
    engine::FitProbe* on = why.ok() ? probe(question.device, question.split, why) : nullptr;
    const auto kv = engine::parseKvFormat(question.kv.isEmpty() ? std::string("auto")
                                                                : question.kv.toStdString());
    if (on == nullptr || !kv.ok()) {
        table.failure = sentence(kv.ok() ? why : kv.status());
        return table;
    }
    m_released = released;
    m_speeds = speeds;
    const QStringList gpus = gpusOf(question.device);
    engine::Status ignored;
    engine::FitProbe* first = gpus.size() > 1 ? probe(gpus.first(), {}, ignored) : nullptr;
    table.deviceName = QString::fromStdString(on->deviceName());
    table.contexts = contextsOf(m_model.config);
    for (const engine::WeightFormat weights : kWeights) {
        table.weights.append(text(engine::name(weights)));
        for (const int context : std::as_const(table.contexts)) {
            const Wish wish{weights, *kv, context, std::max(1, question.slotCount)};
            FitCell cell = cellOf(*on, wish);
            if (cell.verdict == FitVerdict::No)
                addWaysOut(*on, wish, question, cell);
            if (first != nullptr && speeds.alone)
                cell.aloneTokensPerSecond = speedOf(ask(*first, wish), wish, speeds.alone);
            table.cells.append(cell);
        }
    }
    if (!table.cells.isEmpty())
        for (const FitBytes& bytes : std::as_const(table.cells.first().devices))
            for (const engine::DeviceMemory& each : released.devices)
                if (QString::fromStdString(each.device) == bytes.device)
                    table.released_bytes += each.total();
    return table;
}

} // namespace app
