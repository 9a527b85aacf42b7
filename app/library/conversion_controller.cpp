#include "app/library/conversion_controller.h"

#include "app/disk_room.h"
#include "app/library/model_identity.h"
#include "app/messages.h"
#include "engine/model/convert.h"

#include <QDir>
#include <QElapsedTimer>
#include <QFile>
#include <QFileInfo>

namespace app {

namespace {

constexpr qint64 kProgress_ms = 100;

std::filesystem::path pathOf(const QString& path) {
    return QFile::encodeName(path).toStdString();
}

/// Bytes of the file to come, from the bits a weight takes with its scale, and a little more.
quint64 expectedBytes(const engine::OpenedModel& model, engine::WeightFormat weights) {
    const double bits = weights == engine::WeightFormat::Int4 ? 4.5 : 8.5;
    const double wide = double(model.config.vocabularySize) * model.config.hiddenSize *
                        (model.config.tiedEmbeddings ? 1 : 2); // never below 8 bits
    const double rest = double(model.config.parameterCount) - wide;
    return quint64((rest * bits + wide * 8.5) / 8 * 1.02) + (16 << 20);
}

engine::Status checkTarget(const QString& out, const engine::OpenedModel& model,
                           engine::WeightFormat weights) {
    if (QFile::exists(out))
        return engine::Status(engine::Code::FileExists, {{"file", out.toStdString()}});
    const QString folder = QFileInfo(out).absolutePath();
    QDir().mkpath(folder);
    const qint64 room = freeBytes(folder);
    if (room >= 0 && quint64(room) < expectedBytes(model, weights))
        return engine::Status(engine::Code::DiskFull, {{"file", out.toStdString()}});
    return {};
}

} // namespace

ConversionController::ConversionController(QString folder, QObject* parent)
    : QObject(parent), m_folder(std::move(folder)) {
    qRegisterMetaType<ConversionResult>();
    m_pool.setMaxThreadCount(1);
    m_pool.setThreadPriority(QThread::LowPriority);
}

ConversionController::~ConversionController() {
    cancel();
    m_pool.waitForDone();
}

QString ConversionController::targetOf(const QString& source, const QString& weights) const {
    return QStringLiteral("%1/%2-%3.gguf").arg(m_folder, idOfModelPath(source), weights.toUpper());
}

void ConversionController::convert(const QString& source, const QString& weights) {
    const auto format = engine::parseWeightFormat(weights.toStdString());
    if (!m_source.isEmpty() || !format.ok())
        return;
    m_source = source;
    m_stop = std::make_shared<std::atomic<bool>>(false);
    emit started(source);
    const QString out = targetOf(source, weights);
    m_pool.start([this, source, out, format = *format, stop = m_stop] {
        const auto toGui = [this](auto task) {
            QMetaObject::invokeMethod(this, std::move(task), Qt::QueuedConnection);
        };
        const auto fail = [&](const engine::Status& status) {
            const QString why = status == engine::Code::Cancelled ? QString() : sentence(status);
            toGui([this, source, why] {
                end();
                emit failed(source, why);
            });
        };
        const auto model = engine::openModel(pathOf(source));
        if (!model.ok())
            return fail(model.status());
        if (const engine::Status refused = checkTarget(out, *model, format); !refused.ok())
            return fail(refused);
        QElapsedTimer sinceTold;
        sinceTold.start();
        const auto report = engine::convertToGguf(
            *model, pathOf(out), format,
            [&](std::uint64_t done, std::uint64_t total) {
                if (sinceTold.elapsed() < kProgress_ms)
                    return;
                sinceTold.restart();
                toGui([this, source, done, total] { emit progressed(source, done, total); });
            },
            *stop);
        if (!report.ok())
            return fail(report.status());
        ConversionResult result{source, out, report->inputBytes, report->outputBytes, {}};
        for (const std::string& tensor : report->keptTensors)
            result.keptTensors.append(QString::fromStdString(tensor));
        toGui([this, result] {
            end();
            emit finished(result);
        });
    });
}

void ConversionController::cancel() {
    if (m_stop != nullptr)
        *m_stop = true;
}

void ConversionController::end() {
    m_source.clear();
    m_stop.reset();
}

} // namespace app
