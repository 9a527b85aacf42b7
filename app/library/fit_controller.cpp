#include "app/library/fit_controller.h"

#include "app/library/fit_planner.h"
#include "app/messages.h"

#include <QFile>
#include <QJsonDocument>
#include <QJsonObject>
#include <QSaveFile>
#include <QScopeGuard>

namespace app {

namespace {

constexpr qint64 kMostFileBytes = 1 << 20;

QDateTime timeFrom(const QJsonObject& json) {
    return QDateTime::fromString(json.value(QLatin1String("measured_at")).toString(), Qt::ISODate);
}

std::optional<engine::DeviceSpeed> speedFrom(const QJsonObject& json) {
    engine::DeviceSpeed speed;
    speed.limitGbPerSecond = json.value(QLatin1String("limit_gb_s")).toDouble();
    speed.int8Share = json.value(QLatin1String("int8_share")).toDouble();
    speed.int4Share = json.value(QLatin1String("int4_share")).toDouble();
    speed.layer_us = json.value(QLatin1String("layer_us")).toDouble();
    if (speed.limitGbPerSecond <= 0 || speed.int8Share <= 0 || !timeFrom(json).isValid())
        return std::nullopt; // nobody could say how old it is
    return speed;
}

QJsonObject toJson(const engine::DeviceSpeed& speed) {
    return {{QStringLiteral("limit_gb_s"), speed.limitGbPerSecond},
            {QStringLiteral("int8_share"), speed.int8Share},
            {QStringLiteral("int4_share"), speed.int4Share},
            {QStringLiteral("layer_us"), speed.layer_us},
            {QStringLiteral("measured_at"), QDateTime::currentDateTimeUtc().toString(Qt::ISODate)}};
}

/// What is measured for a question: words of --device.
struct Measured {
    QString together; // of replicas, which all are as fast: the first
    QString alone;    // the first of several that share a model; else empty
};
Measured measuredFor(const FitQuestion& question) {
    const QStringList gpus = gpusOf(question.device);
    if (gpus.size() < 2)
        return {question.device, {}};
    if (question.split == QLatin1String("replicas"))
        return {gpus.first(), {}};
    if (question.split == QLatin1String("layer")) // one GPU after another: as fast as one of them
        return {gpus.first(), gpus.first()};
    return {question.device, gpus.first()};
}

} // namespace

/// What lives on the pool's one thread.
struct FitController::Worker {
    QString file;
    FitPlanner planner;
    std::optional<QJsonObject> speeds; // by device name; none: not read yet

    QJsonObject storedOf(const QString& word) {
        if (!speeds) {
            QFile stored(file);
            speeds = stored.open(QIODevice::ReadOnly) && stored.size() < kMostFileBytes
                         ? QJsonDocument::fromJson(stored.readAll()).object()
                         : QJsonObject();
        }
        return speeds->value(planner.nameOf(word, {})).toObject();
    }

    FitSpeeds speedsOf(const Measured& words) {
        return {speedFrom(storedOf(words.together)),
                words.alone.isEmpty() ? std::nullopt : speedFrom(storedOf(words.alone))};
    }

    FitTable plan(const FitQuestion& question, const engine::MemoryPlan& released,
                  const Measured& words) {
        const FitSpeeds known = speedsOf(words);
        FitTable table = planner.plan(question, released, known);
        for (const QString& word : {words.alone, words.together}) {
            const QDateTime time = word.isEmpty() ? QDateTime() : timeFrom(storedOf(word));
            if (time.isValid() && (!table.measuredAt.isValid() || time < table.measuredAt))
                table.measuredAt = time; // the older one
        }
        return table;
    }

    /// May be deleted: it is measured again then, so a failure to write is no failure.
    void keep(const QString& word, const engine::DeviceSpeed& speed) {
        speeds->insert(planner.nameOf(word, {}), toJson(speed));
        QSaveFile out(file);
        if (out.open(QIODevice::WriteOnly)) {
            out.write(QJsonDocument(*speeds).toJson());
            out.commit();
        }
    }
};

FitController::FitController(QString speedFile, Released released, QObject* parent)
    : QObject(parent),
      m_worker(std::make_shared<Worker>()),
      m_released(std::move(released)),
      m_newest(std::make_shared<std::atomic<quint64>>(0)),
      m_stop(std::make_shared<std::atomic<bool>>(false)) {
    qRegisterMetaType<FitTable>();
    m_worker->file = std::move(speedFile);
    m_pool.setMaxThreadCount(1);
    m_pool.setThreadPriority(QThread::LowPriority);
}

FitController::~FitController() {
    *m_stop = true;
    m_pool.clear();
    m_pool.waitForDone();
}

void FitController::findDevices() {
    m_pool.start([this, worker = m_worker] {
        const QList<FitDevice> devices = worker->planner.devices();
        worker->planner.leaveGpus();
        QMetaObject::invokeMethod(
            this, [this, devices] { emit devicesFound(devices); }, Qt::QueuedConnection);
    });
}

void FitController::ask(const FitQuestion& question) {
    m_question = question;
    run(question, false);
}

void FitController::measureAgain() {
    m_isDeclined = false;
    if (!m_question.path.isEmpty())
        run(m_question, true);
}

void FitController::cancelMeasuring() {
    if (!m_isMeasuring)
        return;
    *m_stop = true;
    m_stop = std::make_shared<std::atomic<bool>>(false);
    m_isDeclined = true;
    run(m_question, false); // what is known, should it have been asked for meanwhile
}

void FitController::setMeasuring(bool isMeasuring) {
    if (m_isMeasuring == isMeasuring)
        return;
    m_isMeasuring = isMeasuring;
    emit measuringChanged(isMeasuring);
}

void FitController::run(const FitQuestion& question, bool measures) {
    const quint64 number = ++m_asked;
    *m_newest = number;
    const auto toGui = [this](auto&& task) {
        QMetaObject::invokeMethod(this, std::forward<decltype(task)>(task), Qt::QueuedConnection);
    };
    const bool mayMeasure = measures || (!m_isDeclined && !(m_isBusy && m_isBusy()));
    m_pool.start([this, toGui, worker = m_worker, question, number, measures, mayMeasure,
                  newest = m_newest, stop = m_stop, released = m_released()] {
        const auto isStale = [&] { return *stop || *newest != number; };
        const auto leave = qScopeGuard([&] { worker->planner.leaveGpus(); });
        if (isStale())
            return;
        const auto tell = [&](const FitTable& table) {
            toGui([this, table, number] {
                if (number == m_asked)
                    emit tableReady(table);
            });
        };
        const Measured words = measuredFor(question);
        const FitSpeeds known = worker->speedsOf(words);
        const FitTable table = worker->plan(question, released, words);
        tell(table);
        QStringList missing;
        if (measures || !known.together)
            missing.append(words.together);
        if (!words.alone.isEmpty() && (measures || !known.alone))
            missing.append(words.alone);
        if (!table.failure.isEmpty() || isStale() || missing.isEmpty() || !mayMeasure)
            return;
        toGui([this] { setMeasuring(true); });
        engine::Status failure;
        for (const QString& word : std::as_const(missing)) {
            const engine::Result<engine::DeviceSpeed> measured = engine::measureDeviceSpeed(
                word.toStdString(), kMeasure_s / double(missing.size()), *stop);
            if (measured.ok())
                worker->keep(word, *measured);
            else
                failure = measured.status();
        }
        toGui([this] { setMeasuring(false); });
        if (*stop)
            return;
        if (!failure.ok())
            toGui([this, failure] { emit failed(sentence(failure)); });
        else if (!isStale())
            tell(worker->plan(question, released, words));
    });
}

} // namespace app
