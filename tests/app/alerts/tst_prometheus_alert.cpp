// The real Prometheus scrapes what /metrics answers and fires our exported alert.
#include "app/alerts/alert_rule.h"
#include "app/telemetry/prometheus_text.h"
#include "tests/support/promtool.h"
#include "tests/support/suite_registry.h"

#include <QNetworkAccessManager>
#include <QNetworkReply>
#include <QTcpServer>
#include <QTcpSocket>
#include <QtTest/QtTest>

namespace {

/// Answers every request with a machine whose first tokens take 1.5 s.
class MetricsServer : public QTcpServer {
  public:
    MetricsServer() {
        m_frame.machine.set(app::MetricId::TtftP99, 1.5);
        m_frame.machine.set(app::MetricId::CpuUtilization, 0.2);
        connect(this, &QTcpServer::newConnection, this, [this] {
            QTcpSocket* client = nextPendingConnection();
            connect(client, &QTcpSocket::readyRead, client, [this, client] {
                if (!client->readAll().endsWith("\r\n\r\n"))
                    return;
                const QByteArray body = QByteArray::fromStdString(app::prometheusText(m_frame));
                client->write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: ");
                client->write(QByteArray(app::kPrometheusContentType) + "\r\nContent-Length: " +
                              QByteArray::number(body.size()) + "\r\n\r\n" + body);
                client->disconnectFromHost();
            });
        });
    }

  private:
    app::MetricFrame m_frame;
};

quint16 freePort() {
    QTcpServer server;
    return server.listen(QHostAddress::LocalHost) ? server.serverPort() : 0;
}

bool write(const QString& path, const QByteArray& text) {
    QFile file(path);
    return file.open(QIODevice::WriteOnly) && file.write(text) == text.size();
}

QByteArray get(const QString& url) {
    QNetworkAccessManager network;
    QNetworkReply* reply = network.get(QNetworkRequest(QUrl(url)));
    QSignalSpy finished(reply, &QNetworkReply::finished);
    return finished.wait(2000) ? reply->readAll() : QByteArray();
}

} // namespace

class TstPrometheusAlert : public QObject {
    Q_OBJECT

  private slots:
    void theRealPrometheusFiresOurAlert() {
        const QString program = tests::findPrometheusProgram(QStringLiteral("prometheus"));
        if (program.isEmpty())
            QSKIP("prometheus is not here: apt-get download prometheus, dpkg -x it to "
                  "BUILD/prometheus");
        MetricsServer server;
        QVERIFY(server.listen(QHostAddress::LocalHost));
        app::AlertRule rule = app::defaultAlertRules().first();
        rule.duration_s = 1;
        QTemporaryDir folder;
        QVERIFY(write(folder.filePath(QStringLiteral("rules.yml")), app::prometheusRules({rule})));
        QVERIFY(write(folder.filePath(QStringLiteral("prometheus.yml")),
                      "global:\n  scrape_interval: 1s\n  evaluation_interval: 1s\n"
                      "rule_files: [rules.yml]\nscrape_configs:\n- job_name: inglenook\n"
                      "  static_configs:\n  - targets: ['127.0.0.1:" +
                          QByteArray::number(server.serverPort()) + "']\n"));
        const QString address = QStringLiteral("127.0.0.1:%1").arg(freePort());
        QProcess prometheus;
        prometheus.setWorkingDirectory(folder.path());
        prometheus.start(program, {QStringLiteral("--config.file=prometheus.yml"),
                                   QStringLiteral("--storage.tsdb.path=data"),
                                   QStringLiteral("--web.listen-address=") + address});
        QVERIFY(prometheus.waitForStarted());
        const QString url = QStringLiteral("http://%1/api/v1/alerts").arg(address);
        QTRY_VERIFY_WITH_TIMEOUT(get(url).contains("\"state\":\"firing\""), 120000);
        QVERIFY(get(url).contains("HighLatency"));
        prometheus.terminate();
        QVERIFY(prometheus.waitForFinished(60000));
    }
};

INGLENOOK_SUITE(prometheus_alert, TstPrometheusAlert)
#include "tst_prometheus_alert.moc"
