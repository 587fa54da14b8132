module stationmaster.test/cluster/local

go 1.24.0
