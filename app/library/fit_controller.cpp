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

std::optional<engine::DeviceSpeed> speedFrom(const QJsonObject& json) {
    engine::DeviceSpeed speed;
    speed.limitGbPerSecond = json.value(QLatin1String("limit_gb_s")).toDouble();
    speed.int8Share = json.value(QLatin1String("int8_share")).toDouble();
    speed.int4Share = json.value(QLatin1String("int4_share")).toDouble();
    speed.layer_us = json.value(QLatin1String("layer_us")).toDouble();
    if (speed.limitGbPerSecond <= 0 || speed.int8Share <= 0)
        return std::nullopt;
    return speed;
}

QJsonObject toJson(const engine::DeviceSpeed& speed) {
    return {{QStringLiteral("limit_gb_s"), speed.limitGbPerSecond},
            {QStringLiteral("int8_share"), speed.int8Share},
            {QStringLiteral("int4_share"), speed.int4Share},
            {QStringLiteral("layer_us"), speed.layer_us}};
}

} // namespace

/// What lives on the pool's one thread.
struct FitController::Worker {
    QString file;
    FitPlanner planner;
    std::optional<QJsonObject> speeds; // by device name; none: not read yet

    QString nameOf(const QString& word) {
        for (const FitDevice& device : planner.devices())
            if (device.word == word)
                return device.name;
        return word;
    }

    std::optional<engine::DeviceSpeed> speedOf(const QString& word) {
        if (!speeds) {
            QFile stored(file);
            speeds = stored.open(QIODevice::ReadOnly) && stored.size() < kMostFileBytes
                         ? QJsonDocument::fromJson(stored.readAll()).object()
                         : QJsonObject();
        }
        return speedFrom(speeds->value(nameOf(word)).toObject());
    }

    /// May be deleted: it is measured again then, so a failure to write is no failure.
    void keep(const QString& word, const engine::DeviceSpeed& speed) {
        speeds->insert(nameOf(word), toJson(speed));
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
    if (!m_question.path.isEmpty())
        run(m_question, true);
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
    const bool mayMeasure = measures || !m_isBusy || !m_isBusy();
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
        std::optional<engine::DeviceSpeed> speed = worker->speedOf(question.device);
        const FitTable table = worker->planner.plan(question, released, speed);
        tell(table);
        if (!table.failure.isEmpty() || isStale() || (speed && !measures) || !mayMeasure)
            return;
        toGui([this] { setMeasuring(true); });
        const engine::Result<engine::DeviceSpeed> measured =
            engine::measureDeviceSpeed(question.device.toStdString(), kMeasure_s, *stop);
        toGui([this] { setMeasuring(false); });
        if (*stop)
            return;
        if (!measured.ok()) {
            toGui([this, status = measured.status()] { emit failed(sentence(status)); });
            return;
        }
        worker->keep(question.device, *measured);
        if (!isStale())
            tell(worker->planner.plan(question, released, *measured));
    });
}

} // namespace app
